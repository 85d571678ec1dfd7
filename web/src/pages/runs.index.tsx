import { NativeSelect, Progress, SegmentedControl } from '@mantine/core';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { createFileRoute, Link } from '@tanstack/react-router';
import { useCallback, useMemo } from 'react';
import { actionsQuery, runsQuery, type RunFilter } from '~/api/queries';
import type { Run, RunState } from '~/api/types';
import { RunStatePill } from '~/features/entity/EntityRuns';
import { EntityRef } from '~/features/run/RunChanges';
import { isOver } from '~/features/run/queries';
import { donePercent, runMillis } from '~/features/run/timing';
import { duration } from '~/lib/format';
import { t } from '~/strings';
import { tw } from '~/strings/work';
import { When } from '~/ui/bits';
import { DataTable, type Column } from '~/ui/DataTable';
import { IconPlayerPlay } from '~/ui/icons';
import { ButtonLink } from '~/ui/links';
import { ListToolbar } from '~/ui/ListToolbar';
import { PageHeader } from '~/ui/PageHeader';
import { EmptyState } from '~/ui/States';

type Search = { state?: RunState; action?: string; whose?: 'mine'; entity?: string };

const text = (value: unknown) => (typeof value === 'string' && value ? value : undefined);

export const Route = createFileRoute('/runs/')({
  validateSearch: (raw: Record<string, unknown>): Search => ({
    state: text(raw.state) && String(raw.state) in t.common.runState ? (raw.state as RunState) : undefined,
    action: text(raw.action),
    whose: raw.whose === 'mine' ? 'mine' : undefined,
    entity: text(raw.entity),
  }),
  loaderDeps: ({ search }) => search,
  loader: ({ context, deps }) => {
    void context.queryClient.prefetchInfiniteQuery(runsQuery(filterOf(deps)));
  },
  component: Runs,
});

function filterOf({ state, action, whose, entity }: Search): RunFilter {
  return { state, action, entity, actor: whose === 'mine' ? 'me' : undefined };
}

function RunProgress({ run }: { run: Run }) {
  return (
    <span style={{ display: 'block' }}>
      {tw.run.stepsOf(run.stepsDone, run.stepsTotal)}
      {!isOver(run.state) && (
        <Progress value={donePercent(run)} size={3} mt={2} aria-label={tw.run.progress} />
      )}
    </span>
  );
}

const columns: Column<Run>[] = [
  {
    id: 'run',
    title: tw.run.run,
    width: 300,
    cell: (run) => (
      <Link to="/runs/$id" params={{ id: run.id }}>
        {run.title}
      </Link>
    ),
  },
  { id: 'state', title: tw.run.state, width: 130, cell: (run) => <RunStatePill state={run.state} /> },
  { id: 'progress', title: tw.run.progress, width: 150, cell: (run) => <RunProgress run={run} /> },
  {
    id: 'about',
    title: tw.run.about,
    width: 180,
    cell: (run) => (run.entities[0] ? <EntityRef of={run.entities[0]} /> : '–'),
  },
  { id: 'by', title: tw.run.by, width: 160, cell: (run) => run.actor.name },
  { id: 'when', title: tw.run.when, width: 130, cell: (run) => <When at={run.createdAt} /> },
  {
    id: 'took',
    title: tw.run.took,
    width: 110,
    numeric: true,
    cell: (run) => (isOver(run.state) ? duration(runMillis(run, 0) ?? 0) : '–'),
  },
];

function Runs() {
  const search = Route.useSearch();
  const navigate = Route.useNavigate();
  const change = (part: Search) =>
    void navigate({ search: (before) => ({ ...before, ...part }), replace: true });
  const query = useInfiniteQuery(runsQuery(filterOf(search)));
  const actions = useQuery(actionsQuery).data ?? [];
  const rows = useMemo(() => query.data?.pages.flatMap((page) => page.runs) ?? [], [query.data]);
  const { fetchNextPage } = query;
  const loadMore = useCallback(() => void fetchNextPage(), [fetchNextPage]);
  return (
    <div className="sph-page wide">
      <PageHeader title={tw.run.title} description={tw.run.description} />
      <ListToolbar total={query.isSuccess ? tw.run.loaded(rows.length, query.hasNextPage) : ''}>
        <SegmentedControl
          size="sm"
          aria-label={tw.run.whose}
          value={search.whose ?? 'all'}
          onChange={(value) => change({ whose: value === 'mine' ? 'mine' : undefined })}
          data={[
            { value: 'all', label: tw.run.all },
            { value: 'mine', label: tw.run.mine },
          ]}
        />
        <NativeSelect
          size="sm"
          aria-label={tw.run.state}
          value={search.state ?? ''}
          onChange={(event) => change({ state: (event.currentTarget.value || undefined) as RunState })}
          data={[
            { value: '', label: tw.run.anyState },
            ...Object.entries(t.common.runState).map(([value, label]) => ({ value, label })),
          ]}
        />
        <NativeSelect
          size="sm"
          aria-label={tw.run.action}
          value={search.action ?? ''}
          onChange={(event) => change({ action: event.currentTarget.value || undefined })}
          data={[
            { value: '', label: tw.run.anyAction },
            ...actions.map((action) => ({ value: action.identifier, label: action.title })),
          ]}
        />
      </ListToolbar>
      <DataTable
        label={tw.run.title}
        columns={columns}
        rows={rows}
        rowKey={(run) => run.id}
        loading={query.isPending}
        error={query.error}
        onRetry={() => void query.refetch()}
        hasMore={query.hasNextPage}
        loadingMore={query.isFetchingNextPage}
        onLoadMore={loadMore}
        filtered={Object.values(search).some(Boolean)}
        onClearFilters={() => void navigate({ search: {}, replace: true })}
        empty={
          <EmptyState
            icon={<IconPlayerPlay size={28} />}
            title={tw.run.none}
            text={tw.run.noneText}
            action={<ButtonLink to="/create">{tw.run.create}</ButtonLink>}
          />
        }
      />
    </div>
  );
}
