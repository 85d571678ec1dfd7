import { Button, SegmentedControl } from '@mantine/core';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { createFileRoute } from '@tanstack/react-router';
import { useCallback, useMemo } from 'react';
import { blueprintQuery, meQuery } from '~/api/queries';
import type { Blueprint, Rule } from '~/api/types';
import { columnsOf, shownColumns, usualColumns } from '~/features/catalog/columns';
import { Filters } from '~/features/catalog/Filters';
import { csvAddress, entitiesQuery } from '~/features/catalog/list';
import { plural } from '~/lib/format';
import { isFiltered, parseListSearch, type ListSearch } from '~/lib/listState';
import { t } from '~/strings';
import { DataTable } from '~/ui/DataTable';
import { NamedIcon } from '~/ui/entityIcon';
import { ColumnChoice, CsvButton, ListToolbar, TextFilter } from '~/ui/ListToolbar';
import { PageHeader } from '~/ui/PageHeader';
import { EmptyState, ErrorState, Skeletons, StaleNote } from '~/ui/States';

export const Route = createFileRoute('/catalog/$blueprint')({
  validateSearch: parseListSearch,
  loaderDeps: ({ search }) => search,
  loader: ({ context, params, deps }) => {
    void context.queryClient.prefetchInfiniteQuery(entitiesQuery(params.blueprint, deps));
    return context.queryClient.prefetchQuery(blueprintQuery(params.blueprint));
  },
  component: CatalogList,
});

function CatalogList() {
  const { blueprint: id } = Route.useParams();
  const { data, error, refetch } = useQuery(blueprintQuery(id));
  if (data) return <List blueprint={data} />;
  return (
    <div className="sph-page">
      <PageHeader title={id} crumbs={[{ label: t.catalog.title, link: { to: '/catalog' } }]} />
      {error ? <ErrorState error={error} retry={() => void refetch()} /> : <Skeletons />}
    </div>
  );
}

function List({ blueprint }: { blueprint: Blueprint }) {
  const search = Route.useSearch();
  const navigate = Route.useNavigate();
  const change = useCallback(
    (part: ListSearch) => void navigate({ search: (before) => ({ ...before, ...part }), replace: true }),
    [navigate],
  );
  const all = useMemo(() => columnsOf(blueprint), [blueprint]);
  const columns = useMemo(
    () => shownColumns(all, search.cols, usualColumns(blueprint)),
    [all, search.cols, blueprint],
  );
  const query = useInfiniteQuery(entitiesQuery(blueprint.identifier, search));
  const rows = useMemo(() => query.data?.pages.flatMap((page) => page.entities) ?? [], [query.data]);
  const total = query.data?.pages[0]?.total;
  const { fetchNextPage } = query;
  const loadMore = useCallback(() => void fetchNextPage(), [fetchNextPage]);
  const title = blueprint.title || blueprint.identifier;
  const columnIds = columns.map((column) => column.id);

  return (
    <div className="sph-page wide">
      <PageHeader
        title={title}
        description={blueprint.description}
        crumbs={[{ label: t.catalog.title, link: { to: '/catalog' } }, { label: title }]}
      />
      <ListToolbar
        total={total === undefined ? '' : plural(total, 'entity', 'entities')}
        view={
          <>
            <ColumnChoice
              all={all.slice(1)}
              shown={columnIds}
              onChange={(ids) => change({ cols: ids?.join(',') })}
            />
            <CsvButton href={csvAddress(blueprint.identifier, search, columnIds)} />
          </>
        }
      >
        <TextFilter
          label={t.catalog.filterBy(title.toLowerCase())}
          value={search.q}
          onChange={(q) => change({ q })}
        />
        <Whose rules={search.filter ?? []} onChange={(filter) => change({ filter })} />
        <Filters
          blueprint={blueprint}
          rules={search.filter ?? []}
          onChange={(filter) => change({ filter })}
        />
      </ListToolbar>
      <StaleNote query={query} />
      <DataTable
        label={title}
        columns={columns}
        rows={rows}
        total={total}
        rowKey={(entity) => entity.identifier}
        loading={query.isPending}
        error={query.error}
        onRetry={() => void query.refetch()}
        hasMore={query.hasNextPage}
        loadingMore={query.isFetchingNextPage}
        onLoadMore={loadMore}
        sort={search.sort}
        onSort={(sort) => change({ sort })}
        filtered={isFiltered(search)}
        onClearFilters={() => change({ q: undefined, filter: undefined })}
        selection={(ids) => (
          <Button
            component="a"
            href={csvAddress(blueprint.identifier, search, columnIds, ids)}
            download
            size="compact-sm"
            variant="default"
          >
            {t.common.exportSelected}
          </Button>
        )}
        empty={
          <EmptyState
            icon={<NamedIcon name={blueprint.icon} fallback={blueprint.identifier} size={32} />}
            title={t.catalog.noEntities(title.toLowerCase())}
            text={t.catalog.noEntitiesText}
            command={`sphera catalog import ./${blueprint.identifier.toLowerCase()}.json`}
          />
        }
      />
    </div>
  );
}

/** Mine or everything, in one click. */
function Whose({ rules, onChange }: { rules: Rule[]; onChange: (rules: Rule[]) => void }) {
  const teams = useQuery(meQuery).data?.user.teams ?? [];
  if (teams.length === 0) return null;
  const isMine = (rule: Rule) => rule.property === '$team' && rule.operator === 'in';
  const rest = rules.filter((rule) => !isMine(rule));
  return (
    <SegmentedControl
      size="sm"
      aria-label={t.catalog.team}
      value={rules.some(isMine) ? 'mine' : 'all'}
      onChange={(value) =>
        onChange(value === 'mine' ? [...rest, { property: '$team', operator: 'in', value: teams }] : rest)
      }
      data={[
        { value: 'all', label: t.catalog.all },
        { value: 'mine', label: t.catalog.myTeams },
      ]}
    />
  );
}
