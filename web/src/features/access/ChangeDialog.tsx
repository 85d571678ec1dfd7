import { Button, Code, Group, Stack, Text } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { api } from '~/api/client';
import { ta } from '~/strings/access';
import { confirm } from '~/ui/confirm';
import { Dialog } from '~/ui/Dialog';
import { Note } from '~/ui/Note';
import { ErrorState, Skeletons } from '~/ui/States';
import { toastDone, toastError } from '~/ui/toast';
import { changeQuery } from './queries';
import { Impact } from './Report';

/** A change with what it would do, and the decision about it. */
export function ChangeDialog({
  id,
  me,
  decides,
  onClose,
}: {
  id: string;
  me: string;
  decides: boolean;
  onClose: () => void;
}) {
  const queryClient = useQueryClient();
  const { data, error, refetch } = useQuery(changeQuery(id));
  const decide = useMutation({
    mutationFn: (verb: 'confirm' | 'reject') =>
      verb === 'confirm'
        ? api.post('/v1/access/policies/changes/{id}/confirm', { path: { id } }, {})
        : api.post('/v1/access/policies/changes/{id}/reject', { path: { id } }, {}),
    onSuccess: (_, verb) => {
      toastDone(verb === 'confirm' ? ta.applied : ta.rejected);
      void queryClient.invalidateQueries({ queryKey: ['policy'] });
      void queryClient.invalidateQueries({ queryKey: ['access'] });
      onClose();
    },
    onError: (reason) => toastError(reason),
  });
  const mine = data?.author === me;
  return (
    <Dialog opened onClose={onClose} title={data?.reason ?? ta.difference} size="xl">
      {!data && !error && <Skeletons />}
      {error && !data && <ErrorState error={error} retry={() => void refetch()} />}
      {data && (
        <Stack gap="md">
          <div>
            <Text fw={600} size="sm">
              {ta.difference}
            </Text>
            <Code block tabIndex={0} aria-label={ta.difference}>
              {lines(data.before ?? '', data.policies).map((line, i) => (
                <span
                  key={`${i}${line}`}
                  style={{
                    display: 'block',
                    background: line.startsWith('+')
                      ? 'var(--sph-ok-bg)'
                      : line.startsWith('-')
                        ? 'var(--sph-bad-bg)'
                        : undefined,
                  }}
                >
                  {line}
                </span>
              ))}
            </Code>
          </div>
          {data.cases && (
            <div>
              <Text fw={600} size="sm">
                {ta.casesLabel}
              </Text>
              <Code block tabIndex={0} aria-label={ta.casesLabel}>
                {data.cases}
              </Code>
            </div>
          )}
          <Impact impact={data.impact} />
          {data.comment && <Note tone="info">{data.comment}</Note>}
          {data.state === 'open' && decides && (
            <>
              {mine && <Note tone="info">{ta.ownProposal}</Note>}
              <Group justify="flex-end" gap="xs">
                <Button variant="default" loading={decide.isPending} onClick={() => decide.mutate('reject')}>
                  {mine ? ta.withdraw : ta.reject}
                </Button>
                {!mine && (
                  <Button
                    loading={decide.isPending}
                    onClick={() =>
                      confirm({
                        title: ta.confirmTitle,
                        text: ta.confirmText,
                        verb: ta.confirm,
                        onConfirm: () => decide.mutate('confirm'),
                      })
                    }
                  >
                    {ta.confirm}
                  </Button>
                )}
              </Group>
            </>
          )}
        </Stack>
      )}
    </Dialog>
  );
}

/** Both texts by line: what they share, "-" for what goes, "+" for what comes. */
export function lines(before: string, after: string): string[] {
  const a = before === '' ? [] : before.split('\n');
  const b = after === '' ? [] : after.split('\n');
  const common: number[][] = Array.from({ length: a.length + 1 }, () =>
    new Array<number>(b.length + 1).fill(0),
  );
  if (a.length * b.length > 4_000_000) {
    return [...a.map((line) => `- ${line}`), ...b.map((line) => `+ ${line}`)];
  }
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      common[i]![j] =
        a[i] === b[j] ? common[i + 1]![j + 1]! + 1 : Math.max(common[i + 1]![j]!, common[i]![j + 1]!);
    }
  }
  const out: string[] = [];
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      out.push(`  ${a[i]}`);
      i++;
      j++;
    } else if (j < b.length && (i >= a.length || common[i]![j + 1]! > common[i + 1]![j]!)) {
      out.push(`+ ${b[j++]}`);
    } else {
      out.push(`- ${a[i++]}`);
    }
  }
  return out;
}
