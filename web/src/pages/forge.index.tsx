import { useInfiniteQuery } from '@tanstack/react-query';
import { createFileRoute, Link } from '@tanstack/react-router';
import { useCallback, useMemo } from 'react';
import type { Repository } from '~/api/types';
import { repositoriesQuery } from '~/features/forge/queries';
import { tw } from '~/strings/work';
import { Pill, When } from '~/ui/bits';
import { DataTable, type Column } from '~/ui/DataTable';
import { IconBrandGit } from '~/ui/icons';
import { ButtonLink } from '~/ui/links';
import { ListToolbar, TextFilter } from '~/ui/ListToolbar';
import { PageHeader } from '~/ui/PageHeader';
import { EmptyState } from '~/ui/States';

export const Route = createFileRoute('/forge/')({
  validateSearch: (raw: Record<string, unknown>): { q?: string } => ({
    q: raw.q === undefined || raw.q === '' ? undefined : String(raw.q),
  }),
  loaderDeps: ({ search }) => search,
  loader: ({ context, deps }) => {
    void context.queryClient.prefetchInfiniteQuery(repositoriesQuery(deps.q));
  },
  component: Repositories,
});

const columns: Column<Repository>[] = [
  {
    id: 'name',
    title: tw.forge.repository,
    width: 280,
    cell: (repo) => (
      <>
        <Link to="/forge/$repo" params={{ repo: repo.name }}>
          {repo.name}
        </Link>
        {repo.archived && (
          <>
            {' '}
            <Pill tone="warn">{tw.forge.archived}</Pill>
          </>
        )}
      </>
    ),
  },
  { id: 'description', title: tw.forge.pullBody, width: 380, cell: (repo) => repo.description || '–' },
  { id: 'owner', title: tw.forge.owner, width: 160, cell: (repo) => repo.owner || '–' },
  {
    id: 'pulls',
    title: tw.forge.openPulls,
    width: 170,
    numeric: true,
    cell: (repo) =>
      repo.openPullRequests > 0 ? (
        <Link to="/forge/$repo" params={{ repo: repo.name }} search={{ tab: 'pulls' }}>
          {repo.openPullRequests}
        </Link>
      ) : (
        0
      ),
  },
  { id: 'updated', title: tw.forge.updated, width: 130, cell: (repo) => <When at={repo.updatedAt} /> },
];

function Repositories() {
  const { q } = Route.useSearch();
  const navigate = Route.useNavigate();
  const filter = (text: string | undefined) => void navigate({ search: { q: text }, replace: true });
  const query = useInfiniteQuery(repositoriesQuery(q));
  const rows = useMemo(() => query.data?.pages.flatMap((page) => page.repositories) ?? [], [query.data]);
  const { fetchNextPage } = query;
  const loadMore = useCallback(() => void fetchNextPage(), [fetchNextPage]);
  return (
    <div className="sph-page wide">
      <PageHeader title={tw.forge.title} description={tw.forge.description} />
      <ListToolbar total={query.isSuccess ? tw.forge.count(rows.length, query.hasNextPage) : ''}>
        <TextFilter label={tw.forge.filter} value={q} onChange={filter} />
      </ListToolbar>
      <DataTable
        label={tw.forge.title}
        columns={columns}
        rows={rows}
        rowKey={(repo) => repo.name}
        loading={query.isPending}
        error={query.error}
        onRetry={() => void query.refetch()}
        hasMore={query.hasNextPage}
        loadingMore={query.isFetchingNextPage}
        onLoadMore={loadMore}
        filtered={Boolean(q)}
        onClearFilters={() => filter(undefined)}
        empty={
          <EmptyState
            icon={<IconBrandGit size={28} />}
            title={tw.forge.none}
            text={tw.forge.noneText}
            action={<ButtonLink to="/create">{tw.forge.create}</ButtonLink>}
          />
        }
      />
    </div>
  );
}
