import { SegmentedControl } from '@mantine/core';
import { useInfiniteQuery } from '@tanstack/react-query';
import { createFileRoute, Link } from '@tanstack/react-router';
import { useCallback, useMemo } from 'react';
import { pullRequestsQuery } from '~/api/queries';
import type { PullRequest } from '~/api/types';
import { PullState } from '~/features/forge/PullBits';
import { tw } from '~/strings/work';
import { When } from '~/ui/bits';
import { DataTable, type Column } from '~/ui/DataTable';
import { IconGitPullRequest } from '~/ui/icons';
import { ListToolbar } from '~/ui/ListToolbar';
import { PageHeader } from '~/ui/PageHeader';
import { EmptyState } from '~/ui/States';

type Which = 'open' | 'merged' | 'closed';

/** Without `state`: what waits for me. */
export const Route = createFileRoute('/pulls')({
  validateSearch: (raw: Record<string, unknown>): { state?: Which } => ({
    state: raw.state === 'open' || raw.state === 'merged' || raw.state === 'closed' ? raw.state : undefined,
  }),
  loaderDeps: ({ search }) => search,
  loader: ({ context, deps }) => {
    void context.queryClient.prefetchInfiniteQuery(listOf(deps.state));
  },
  component: Pulls,
});

const listOf = (state: Which | undefined) =>
  pullRequestsQuery(state ? { state } : { state: 'open', waiting_for_me: true });

const columns: Column<PullRequest>[] = [
  {
    id: 'title',
    title: tw.forge.pull,
    width: 380,
    cell: (pull) => (
      <>
        <Link to="/forge/$repo/pulls/$number" params={{ repo: pull.repository, number: String(pull.number) }}>
          {pull.title}
        </Link>{' '}
        <span className="sph-muted num">#{pull.number}</span>
      </>
    ),
  },
  {
    id: 'repository',
    title: tw.forge.repository,
    width: 200,
    cell: (pull) => pull.repository,
  },
  { id: 'state', title: tw.run.state, width: 120, cell: (pull) => <PullState state={pull.state} /> },
  { id: 'author', title: tw.forge.author, width: 180, cell: (pull) => pull.author.name },
  { id: 'updated', title: tw.forge.updated, width: 130, cell: (pull) => <When at={pull.updatedAt} /> },
];

function Pulls() {
  const { state } = Route.useSearch();
  const navigate = Route.useNavigate();
  const query = useInfiniteQuery(listOf(state));
  const rows = useMemo(() => query.data?.pages.flatMap((page) => page.pullRequests) ?? [], [query.data]);
  const { fetchNextPage } = query;
  const loadMore = useCallback(() => void fetchNextPage(), [fetchNextPage]);
  return (
    <div className="sph-page wide">
      <PageHeader title={tw.forge.inbox} description={tw.forge.inboxText} />
      <ListToolbar>
        <SegmentedControl
          size="sm"
          aria-label={tw.forge.which}
          value={state ?? 'waiting'}
          onChange={(value) =>
            void navigate({ search: { state: value === 'waiting' ? undefined : (value as Which) } })
          }
          data={[
            { value: 'waiting', label: tw.forge.waiting },
            { value: 'open', label: tw.forge.open },
            { value: 'merged', label: tw.forge.merged },
            { value: 'closed', label: tw.forge.closed },
          ]}
        />
      </ListToolbar>
      <DataTable
        label={tw.forge.inbox}
        columns={columns}
        rows={rows}
        rowKey={(pull) => `${pull.repository}#${pull.number}`}
        loading={query.isPending}
        error={query.error}
        onRetry={() => void query.refetch()}
        hasMore={query.hasNextPage}
        loadingMore={query.isFetchingNextPage}
        onLoadMore={loadMore}
        empty={
          <EmptyState
            icon={<IconGitPullRequest size={28} />}
            title={state ? tw.forge.noPulls : tw.forge.noWaiting}
            text={state ? undefined : tw.forge.noWaitingText}
          />
        }
      />
    </div>
  );
}
