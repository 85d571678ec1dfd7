import { Button, Group, NativeSelect, SegmentedControl } from '@mantine/core';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { lazy, Suspense, useCallback, useMemo, useState } from 'react';
import { meQuery } from '~/api/queries';
import type { Blueprint } from '~/api/types';
import { count, plural } from '~/lib/format';
import { t } from '~/strings';
import { tc } from '~/strings/catalog';
import { DataTable } from '~/ui/DataTable';
import { NamedIcon } from '~/ui/entityIcon';
import { IconFilter, IconPencil, IconPlus } from '~/ui/icons';
import { ButtonLink } from '~/ui/links';
import { ListToolbar, TextFilter } from '~/ui/ListToolbar';
import { PageHeader } from '~/ui/PageHeader';
import { EmptyState, StaleNote } from '~/ui/States';
import { ColumnChooser } from './ColumnChooser';
import { columnsOf, shownColumns, usualColumns } from './columns';
import { ExportMenu } from './ExportMenu';
import { metaFields } from './fields';
import { facetFields, FilterChips, QuickFacets } from './filter/QuickFacets';
import { GroupedList } from './GroupedList';
import { entitiesQuery, exportAddress, type EntityList } from './listQueries';
import { isFiltered, listSearch, parseList, type ListSearch, type ListState } from './listState';
import { countRules, quickValues, withQuick } from './query';
import { ViewMenu } from './ViewMenu';

const FilterPanel = lazy(() => import('./filter/FilterPanel').then((m) => ({ default: m.FilterPanel })));
const BulkEdit = lazy(() => import('./BulkEdit').then((m) => ({ default: m.BulkEdit })));

type Props = { blueprint: Blueprint; search: ListSearch; onSearch: (search: ListSearch) => void };

/** "1,204 entities", or "10,000+" where nobody counted further. */
export function totalText(page: Pick<EntityList, 'total' | 'totalIsAtLeast'> | undefined): string {
  if (!page) return '';
  return page.totalIsAtLeast ? tc.list.atLeast(count(page.total)) : plural(page.total, 'entity', 'entities');
}

/** The entities of a blueprint: filtered, grouped, in columns, all of it in the address. */
export function CatalogList({ blueprint, search, onSearch }: Props) {
  const state = useMemo(() => parseList(search), [search]);
  const change = useCallback(
    (part: Partial<ListState>) => onSearch(listSearch({ ...parseList(search), ...part })),
    [search, onSearch],
  );
  const [filterOpen, setFilterOpen] = useState(false);
  const [editing, setEditing] = useState<string[]>();
  const all = useMemo(() => columnsOf(blueprint), [blueprint]);
  const columns = useMemo(
    () => shownColumns(all, state.cols, usualColumns(blueprint), state.widths),
    [all, state.cols, state.widths, blueprint],
  );
  const columnIds = columns.map((column) => column.id);
  const groups = useMemo(() => facetFields(blueprint), [blueprint]);
  const group = groups.find((field) => field.id === state.group);
  const query = useInfiniteQuery(entitiesQuery(blueprint.identifier, state));
  const rows = useMemo(() => query.data?.pages.flatMap((page) => page.entities) ?? [], [query.data]);
  const { fetchNextPage } = query;
  const loadMore = useCallback(() => void fetchNextPage(), [fetchNextPage]);
  const title = blueprint.title || blueprint.identifier;
  const bp = blueprint.identifier;
  const onFilter = useCallback((filter: ListState['filter']) => change({ filter }), [change]);
  const selection = (ids: string[]) => (
    <>
      <Button
        size="compact-sm"
        leftSection={<IconPencil size={14} aria-hidden />}
        onClick={() => setEditing(ids)}
      >
        {tc.list.bulkEdit}
      </Button>
      <ExportMenu size="compact-sm" address={(format) => exportAddress(format, bp, state, columnIds, ids)} />
    </>
  );
  const rules = countRules(state.filter);

  return (
    <div className="sph-page wide">
      <PageHeader
        title={title}
        description={blueprint.description}
        crumbs={[{ label: t.catalog.title, link: { to: '/catalog' } }, { label: title }]}
        actions={
          // Results of rules are worked out; nobody writes them.
          bp === '_rule_result' ? undefined : (
            <ButtonLink
              leftSection={<IconPlus size={16} aria-hidden />}
              to="/catalog/$blueprint/new"
              params={{ blueprint: bp }}
            >
              {tc.form.newButton(title)}
            </ButtonLink>
          )
        }
      />
      <ListToolbar
        total={totalText(query.data?.pages[0])}
        view={
          <>
            <NativeSelect
              size="sm"
              aria-label={tc.list.groupBy}
              value={state.group ?? ''}
              onChange={(event) => change({ group: event.currentTarget.value || undefined, open: undefined })}
              data={[
                { value: '', label: tc.list.noGroup },
                ...groups.map((field) => ({ value: field.id, label: tc.list.grouped(field.title) })),
              ]}
            />
            <ColumnChooser
              all={all.slice(1)}
              shown={columnIds.slice(1)}
              onChange={(cols) => change({ cols })}
            />
            <ViewMenu
              of={{ blueprint: bp }}
              state={stateText(search)}
              current={state.view}
              onOpen={(view) => {
                setFilterOpen(false);
                onSearch(view ? { ...stateOf(view.state), view: view.id } : {});
              }}
            />
            <ExportMenu address={(format) => exportAddress(format, bp, state, columnIds)} />
          </>
        }
      >
        <TextFilter
          label={t.catalog.filterBy(title.toLowerCase())}
          value={state.q}
          onChange={(q) => change({ q })}
        />
        <Whose state={state} onFilter={onFilter} />
      </ListToolbar>
      <Group gap="xs">
        <QuickFacets blueprint={blueprint} state={state} onFilter={onFilter} />
        <Button
          size="sm"
          variant={rules > 0 ? 'light' : 'subtle'}
          leftSection={<IconFilter size={16} aria-hidden />}
          aria-expanded={filterOpen}
          onClick={() => setFilterOpen((before) => !before)}
        >
          {rules > 0 ? tc.list.filters(rules) : tc.list.filter}
        </Button>
        {isFiltered(state) && (
          <Button
            size="sm"
            variant="subtle"
            onClick={() => {
              setFilterOpen(false);
              change({ q: undefined, filter: undefined });
            }}
          >
            {t.common.clearFilters}
          </Button>
        )}
      </Group>
      {filterOpen ? (
        <Suspense>
          <FilterPanel blueprint={blueprint} filter={state.filter} onChange={onFilter} />
        </Suspense>
      ) : (
        <FilterChips blueprint={blueprint} state={state} onFilter={onFilter} />
      )}
      <StaleNote query={query} />
      {group ? (
        <GroupedList
          blueprint={blueprint}
          field={group}
          state={state}
          columns={columns}
          onOpen={(open) => change({ open })}
          onSort={(sort) => change({ sort })}
          selection={selection}
        />
      ) : (
        <DataTable
          label={title}
          columns={columns}
          rows={rows}
          total={query.data?.pages[0]?.total}
          rowKey={(entity) => entity.identifier}
          loading={query.isPending}
          error={query.error}
          onRetry={() => void query.refetch()}
          hasMore={query.hasNextPage}
          loadingMore={query.isFetchingNextPage}
          onLoadMore={loadMore}
          sort={state.sort}
          onSort={(sort) => change({ sort })}
          onResize={(id, width) => change({ widths: { ...state.widths, [id]: width } })}
          filtered={isFiltered(state)}
          onClearFilters={() => change({ q: undefined, filter: undefined })}
          selection={selection}
          empty={
            <EmptyState
              icon={<NamedIcon name={blueprint.icon} fallback={bp} size={32} />}
              title={t.catalog.noEntities(title.toLowerCase())}
              text={t.catalog.noEntitiesText}
              command={`sphera catalog import ./${bp.toLowerCase()}.json`}
            />
          }
        />
      )}
      {editing && (
        <Suspense>
          <BulkEdit blueprint={blueprint} identifiers={editing} onClose={() => setEditing(undefined)} />
        </Suspense>
      )}
    </div>
  );
}

/** The state of a list as a saved view keeps it. */
export function stateText(search: ListSearch): string {
  const pairs = Object.entries(search).filter(([key, value]) => key !== 'view' && value !== undefined);
  return new URLSearchParams(
    pairs.map(([key, value]) => [key, typeof value === 'string' ? value : JSON.stringify(value)]),
  ).toString();
}

export function stateOf(text: string): ListSearch {
  const raw: Record<string, unknown> = Object.fromEntries(new URLSearchParams(text));
  if (typeof raw.filter === 'string') {
    try {
      raw.filter = JSON.parse(raw.filter) as unknown;
    } catch {
      raw.filter = undefined;
    }
  }
  return listSearch(parseList(raw));
}

/** Mine or everything, in one click. */
function Whose({ state, onFilter }: { state: ListState; onFilter: (filter: ListState['filter']) => void }) {
  const teams = useQuery(meQuery).data?.user.teams ?? [];
  const owner = metaFields.find((field) => field.id === '$team')!;
  if (teams.length === 0) return null;
  const chosen = quickValues(state.filter, owner);
  const mine = chosen.length === teams.length && teams.every((team) => chosen.includes(team));
  return (
    <SegmentedControl
      size="sm"
      aria-label={t.catalog.team}
      value={mine ? 'mine' : 'all'}
      onChange={(value) => onFilter(withQuick(state.filter, owner, value === 'mine' ? teams : []))}
      data={[
        { value: 'all', label: t.catalog.all },
        { value: 'mine', label: t.catalog.myTeams },
      ]}
    />
  );
}
