import { Button, Radio, Stack, Text } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api } from '~/api/client';
import type { PullRequest } from '~/api/types';
import { humanise } from '~/lib/words';
import { tw } from '~/strings/work';
import { Pill } from '~/ui/bits';
import { confirm } from '~/ui/confirm';
import { IconGitMerge } from '~/ui/icons';
import { Section } from '~/ui/Section';
import { toastDone, toastError } from '~/ui/toast';
import { pullQuery } from './queries';
import css from './forge.module.css';

/** Whether it can be merged, what is missing, who can help, and the button. */
export function MergeBox({ pull }: { pull: PullRequest }) {
  const queryClient = useQueryClient();
  const [method, setMethod] = useState<'squash' | 'merge'>('squash');
  const path = { repo: pull.repository, n: pull.number };
  const done = (answer: { pullRequest: PullRequest }, said: string) => {
    queryClient.setQueryData(pullQuery(pull.repository, pull.number).queryKey, answer.pullRequest);
    toastDone(said);
    return queryClient.invalidateQueries({ queryKey: ['pull_request'] });
  };
  const merge = useMutation({
    mutationFn: () => api.post('/v1/repositories/{repo}/pull-requests/{n}/merge', { path }, { method }),
    onSuccess: (answer) => done(answer, tw.forge.mergeDone(pull.number)),
    onError: (error) => toastError(error),
  });
  const close = useMutation({
    mutationFn: () =>
      api.post('/v1/repositories/{repo}/pull-requests/{n}/close', {
        path,
      }),
    onSuccess: (answer) => done(answer, tw.forge.closeDone(pull.number)),
    onError: (error) => toastError(error),
  });
  if (pull.state !== 'open') {
    return (
      <Section title={tw.forge.mergeTitle}>
        <Text size="sm">{pull.state === 'merged' ? tw.forge.isMerged : tw.forge.isClosed}</Text>
      </Section>
    );
  }
  const ok = pull.mergeable?.ok ?? false;
  return (
    <Section title={tw.forge.mergeTitle}>
      <Stack gap="sm" pb={6}>
        <Verdict pull={pull} />
        <Radio.Group
          label={tw.forge.how}
          value={method}
          onChange={(next) => setMethod(next as 'squash' | 'merge')}
        >
          <Stack gap={8} mt={6}>
            <Radio value="squash" label={tw.forge.squash} description={tw.forge.squashText} />
            <Radio value="merge" label={tw.forge.merge} description={tw.forge.mergeText} />
          </Stack>
        </Radio.Group>
        <Button
          leftSection={<IconGitMerge size={16} aria-hidden />}
          disabled={!ok}
          loading={merge.isPending}
          onClick={() => merge.mutate()}
        >
          {method === 'squash' ? tw.forge.squash : tw.forge.merge}
        </Button>
        <Button
          variant="subtle"
          color="gray"
          loading={close.isPending}
          onClick={() =>
            confirm({
              title: tw.forge.closeTitle(pull.number),
              text: tw.forge.closeText,
              verb: tw.forge.close,
              danger: true,
              onConfirm: () => close.mutate(),
            })
          }
        >
          {tw.forge.close}
        </Button>
      </Stack>
    </Section>
  );
}

function Verdict({ pull }: { pull: PullRequest }) {
  const { ok = false, byRule, blocked = [], reviewers = [] } = pull.mergeable ?? {};
  const people = (reviewers ?? []).map((who) => (who.startsWith('role:') ? humanise(who.slice(5)) : who));
  return (
    <div>
      <Pill tone={ok ? 'ok' : 'warn'} dot>
        {ok ? tw.forge.canMerge : tw.forge.cannotMerge}
      </Pill>
      {byRule && (
        <Text size="sm" mt={6}>
          {tw.forge.byRule(byRule)}
        </Text>
      )}
      {(blocked ?? []).length > 0 && (
        <ul className={css.list}>
          {blocked.map((reason) => (
            <li key={reason}>{reason}</li>
          ))}
        </ul>
      )}
      {!ok && people.length > 0 && (
        <Text size="sm" mt={6}>
          {tw.forge.whoCan}: {people.join(', ')}
        </Text>
      )}
    </div>
  );
}
