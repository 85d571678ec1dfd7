import { Button, Group, Text } from '@mantine/core';
import { useInfiniteQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { runsQuery } from '~/api/queries';
import type { Run, RunState } from '~/api/types';
import { t } from '~/strings';
import { Pill, When, type Tone } from '~/ui/bits';
import { IconPlayerPlay } from '~/ui/icons';
import { Section } from '~/ui/Section';
import { EmptyState, ErrorState, Skeletons } from '~/ui/States';

const tones: Record<RunState, Tone> = {
  pending: 'mute',
  running: 'info',
  waiting: 'warn',
  succeeded: 'ok',
  failed: 'bad',
  cancelled: 'mute',
  undone: 'mute',
};

export function RunStatePill({ state }: { state: RunState }) {
  return (
    <Pill tone={tones[state]} dot>
      {t.common.runState[state]}
    </Pill>
  );
}

/** One run in a short list. */
export function RunRow({ run }: { run: Run }) {
  return (
    <div className="sph-row sph-line">
      <RunStatePill state={run.state} />
      <Text size="sm" className="sph-line-text" component="div">
        <Link to="/runs/$id" params={{ id: run.id }}>
          {run.title}
        </Link>
        {run.error && run.state === 'failed' && (
          <Text size="xs" className="sph-muted" truncate>
            {run.error}
          </Text>
        )}
      </Text>
      <Text size="xs" className="sph-muted">
        {run.actor.name} · <When at={run.createdAt} />
      </Text>
    </div>
  );
}

/** The runs of actions on one entity. */
export function EntityRuns({ entity }: { entity: string }) {
  const query = useInfiniteQuery(runsQuery({ entity }));
  const runs = query.data?.pages.flatMap((page) => page.runs) ?? [];
  return (
    <Section title={t.entity.runs} flush>
      {query.isPending && <Skeletons />}
      {query.error && runs.length === 0 && (
        <ErrorState error={query.error} retry={() => void query.refetch()} />
      )}
      {query.isSuccess && runs.length === 0 && (
        <EmptyState icon={<IconPlayerPlay size={28} />} title={t.entity.noRuns} text={t.entity.noRunsText} />
      )}
      {runs.map((run) => (
        <RunRow key={run.id} run={run} />
      ))}
      {query.hasNextPage && (
        <Group p="sm" justify="center">
          <Button
            variant="subtle"
            size="compact-sm"
            loading={query.isFetchingNextPage}
            onClick={() => void query.fetchNextPage()}
          >
            {t.common.more}
          </Button>
        </Group>
      )}
    </Section>
  );
}
