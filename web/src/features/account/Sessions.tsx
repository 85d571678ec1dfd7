import { Button, Text } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { api } from '~/api/client';
import { sessionsQuery } from '~/api/queries';
import type { Session } from '~/api/types';
import { t } from '~/strings';
import { Pill, When } from '~/ui/bits';
import { confirm } from '~/ui/confirm';
import { Section } from '~/ui/Section';
import { ErrorState, Skeletons } from '~/ui/States';
import { toastError } from '~/ui/toast';

/** "Chrome on Linux" out of what a browser says about itself. */
export function browserName(userAgent: string | undefined): string {
  if (!userAgent) return t.account.unknownBrowser;
  const browser = /(Edg|OPR|Firefox|Chrome|Safari|curl|git)/.exec(userAgent)?.[1];
  const system = /(Windows|Android|iPhone|iPad|Mac OS X|Linux)/.exec(userAgent)?.[1];
  const names: Record<string, string> = { Edg: 'Edge', OPR: 'Opera', 'Mac OS X': 'macOS' };
  const named = [browser, system].filter((part) => part !== undefined).map((part) => names[part] ?? part);
  return named.length > 0 ? named.join(' on ') : userAgent.slice(0, 60);
}

/** Where the person is signed in. */
export function Sessions() {
  const queryClient = useQueryClient();
  const { data, error, isPending, refetch } = useQuery(sessionsQuery);
  const revoke = useMutation({
    mutationFn: (id: string) => api.delete('/v1/sessions/{id}', { path: { id } }),
    onSuccess: () => queryClient.invalidateQueries({ queryKey: sessionsQuery.queryKey }),
    onError: (reason) => toastError(reason),
  });
  return (
    <Section title={t.account.sessions} flush>
      {isPending && <Skeletons rows={2} />}
      {error && !data && <ErrorState error={error} retry={() => void refetch()} />}
      {data?.map((session) => (
        <SessionRow
          key={session.id}
          session={session}
          onRevoke={() =>
            confirm({
              title: t.account.revokeTitle,
              text: t.account.revokeText,
              verb: t.account.revoke,
              onConfirm: () => revoke.mutate(session.id),
            })
          }
        />
      ))}
    </Section>
  );
}

function SessionRow({ session, onRevoke }: { session: Session; onRevoke: () => void }) {
  return (
    <div className="sph-row sph-line">
      <div className="sph-line-text">
        <Text size="sm" fw={550} title={session.userAgent}>
          {browserName(session.userAgent)}{' '}
          {session.current && <Pill tone="info">{t.account.thisSession}</Pill>}
        </Text>
        <Text size="xs" className="sph-muted">
          {session.ip} · {t.account.lastUsed} <When at={session.seenAt} />
        </Text>
      </div>
      {!session.current && (
        <Button size="compact-sm" variant="default" onClick={onRevoke}>
          {t.account.revoke}
        </Button>
      )}
    </div>
  );
}
