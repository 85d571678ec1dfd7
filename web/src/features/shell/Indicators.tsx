import { ActionIcon, Indicator, Loader, Menu, Text, Tooltip } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { useQuery } from '@tanstack/react-query';
import { Link, useRouterState } from '@tanstack/react-router';
import { useEffect, useRef } from 'react';
import { api } from '~/api/client';
import { meQuery, runningNowQuery } from '~/api/queries';
import type { Run } from '~/api/types';
import { t } from '~/strings';
import { IconBell, IconPlayerPlay } from '~/ui/icons';
import { MenuLink } from '~/ui/links';

/** How many runs are at work now, on every page, with a way to each. */
export function RunningNow() {
  const runs = useQuery(runningNowQuery).data ?? [];
  useToastWhenMineEnds(runs);
  const label = runs.length > 0 ? t.shell.runningNow(runs.length) : t.shell.nothingRunning;
  return (
    <Menu position="bottom-end" width={320} withinPortal={false} disabled={runs.length === 0}>
      <Menu.Target>
        <Tooltip label={label} withinPortal={false}>
          <ActionIcon
            variant="subtle"
            color="gray"
            size="lg"
            aria-label={label}
            aria-disabled={runs.length === 0}
            visibleFrom={runs.length === 0 ? 'sm' : undefined}
          >
            {runs.length > 0 ? <Loader size={18} aria-hidden /> : <IconPlayerPlay size={18} />}
          </ActionIcon>
        </Tooltip>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>{label}</Menu.Label>
        {runs.map((run) => (
          <MenuLink key={run.id} {...runLink(run.id)}>
            <Text size="sm" truncate>
              {run.title}
            </Text>
            <Text size="xs" className="sph-muted num">
              {run.stepsDone} / {run.stepsTotal}
            </Text>
          </MenuLink>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}

function runLink(id: string) {
  return { to: '/runs/$id', params: { id } } as const;
}

/** Says so when a run of this person ended while another page was open. */
function useToastWhenMineEnds(running: Run[]): void {
  const path = useRouterState({ select: (s) => s.location.pathname });
  const me = useQuery(meQuery).data?.user.id;
  const before = useRef(new Map<string, Run>());
  useEffect(() => {
    const now = new Map(running.map((run) => [run.id, run]));
    for (const [id, run] of before.current) {
      const watching = path.startsWith('/runs/') || path.startsWith('/create/');
      if (!now.has(id) && run.actor.id === me && !watching) void sayHowItEnded(id);
    }
    before.current = now;
  }, [running, me, path]);
}

async function sayHowItEnded(id: string): Promise<void> {
  const { run } = await api.get('/v1/runs/{id}', { path: { id } });
  if (run.state !== 'succeeded' && run.state !== 'failed') return;
  const failed = run.state === 'failed';
  notifications.show({
    id: `run-${id}`,
    color: failed ? 'red' : 'teal',
    autoClose: failed ? false : 8000,
    title: failed ? t.shell.runFailed(run.title) : t.shell.runEnded(run.title),
    message: <Link {...runLink(id)}>{t.shell.openRun}</Link>,
  });
}

/** How many notices this person has not read. */
export function Inbox() {
  const unread = useQuery({
    queryKey: ['notice', 'unread'],
    queryFn: async ({ signal }) => (await api.get('/v1/notices', { query: { limit: 1 }, signal })).unread,
  });
  const n = unread.data ?? 0;
  const label = t.shell.unread(n);
  return (
    <Tooltip label={label} withinPortal={false}>
      <Indicator label={n > 99 ? '99+' : n} size={16} disabled={n === 0} offset={5} color="red.6">
        <ActionIcon variant="subtle" color="gray" size="lg" aria-label={label} component={Link} to="/notices">
          <IconBell size={18} />
        </ActionIcon>
      </Indicator>
    </Tooltip>
  );
}
