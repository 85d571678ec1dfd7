import { Text } from '@mantine/core';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { useMemo, type ReactNode } from 'react';
import type { Blueprint, Entity } from '~/api/types';
import { count } from '~/lib/format';
import { t } from '~/strings';
import { tc } from '~/strings/catalog';
import { DataTable, type Column } from '~/ui/DataTable';
import { IconChevronRight } from '~/ui/icons';
import { EmptyState, ErrorState, Skeletons } from '~/ui/States';
import type { Field } from './fields';
import css from './GroupedList.module.css';
import { entitiesQuery, facetsQuery, type FacetValue } from './listQueries';
import type { ListState } from './listState';
import { PropertyValue, toneOfEnum } from './PropertyValue';
import { both, type QueryRule } from './query';

type Props = {
  blueprint: Blueprint;
  field: Field;
  state: ListState;
  columns: Column<Entity>[];
  onOpen: (open: string[]) => void;
  onSort: (sort: string | undefined) => void;
  selection: (ids: string[]) => ReactNode;
};

const groupsAtMost = 100;
export const keyOfValue = (value: unknown) =>
  value === null || value === undefined ? '' : String(value).replaceAll(',', '%2C');

/** The condition that a group's entities have in common. */
export function ruleOfGroup(field: Field, value: unknown): QueryRule {
  if (value === null || value === undefined || value === '')
    return { property: field.id, operator: 'isEmpty' };
  if (field.id === '$team') return { property: field.id, operator: 'in', value: [value] };
  return { property: field.id, operator: '=', value };
}

function colour(field: Field, value: unknown): string {
  if (value === null || value === undefined) return 'var(--sph-border)';
  const tone = field.property.enum ? toneOfEnum(field.property, value) : 'mute';
  if (tone !== 'mute') return `var(--sph-${tone})`;
  let hash = 7;
  for (const letter of String(value)) hash = (hash * 31 + letter.charCodeAt(0)) % 3600;
  const hue = Math.round((hash * 137.5) % 360);
  return `light-dark(hsl(${hue} 42% 58%), hsl(${hue} 38% 55%))`;
}

/** A list in groups by the values of one property, with how much each is of the whole. */
export function GroupedList({ blueprint, field, state, columns, onOpen, onSort, selection }: Props) {
  const query = useQuery(facetsQuery(blueprint.identifier, state, [field.id]));
  const groups = useMemo(
    () =>
      [...(query.data?.facets?.[field.id] ?? [])]
        .filter((group) => group.count > 0)
        .sort((a, b) => b.count - a.count),
    [query.data, field.id],
  );
  const open = new Set((state.open ?? []).map((key) => (key === '-' ? '' : key)));
  const toggle = (key: string) => {
    const next = new Set(open);
    if (!next.delete(key)) next.add(key);
    onOpen([...next].map((each) => each || '-'));
  };
  if (query.isPending)
    return (
      <Card>
        <Skeletons rows={8} />
      </Card>
    );
  if (!query.data) {
    return (
      <Card>
        <ErrorState error={query.error} retry={() => void query.refetch()} />
      </Card>
    );
  }
  if (groups.length === 0) {
    return (
      <Card>
        <EmptyState title={t.common.nothingMatches} text={t.common.nothingMatchesHint} />
      </Card>
    );
  }
  const all = groups.reduce((sum, group) => sum + group.count, 0);
  return (
    <div className="sph-card">
      <div className={css.bar} role="img" aria-label={barText(field, groups, all)}>
        {groups.slice(0, 24).map((group) => (
          <span
            key={keyOfValue(group.value)}
            style={{ flexGrow: group.count, background: colour(field, group.value) }}
            title={`${labelOf(group.value)}: ${count(group.count)}`}
          />
        ))}
      </div>
      {groups.slice(0, groupsAtMost).map((group) => {
        const key = keyOfValue(group.value);
        return (
          <section key={key} className={css.group}>
            <button
              type="button"
              className={css.head}
              aria-expanded={open.has(key)}
              onClick={() => toggle(key)}
            >
              <IconChevronRight size={16} aria-hidden className={open.has(key) ? css.turned : undefined} />
              <span className={css.name}>
                {group.value === null ? (
                  <span className="sph-muted">{tc.list.none}</span>
                ) : (
                  <PropertyValue property={field.property} value={group.value} short />
                )}
              </span>
              <span className={css.share} aria-hidden>
                <span
                  style={{ width: `${(100 * group.count) / all}%`, background: colour(field, group.value) }}
                />
              </span>
              <Text span size="sm" className="num sph-muted" style={{ whiteSpace: 'nowrap' }}>
                {tc.list.groupShare(count(group.count), share(group.count, all))}
              </Text>
            </button>
            {open.has(key) && (
              <Members
                {...{ blueprint, field, state, columns, onSort, selection }}
                value={group.value}
                total={group.count}
              />
            )}
          </section>
        );
      })}
      {groups.length > groupsAtMost && (
        <Text size="sm" className="sph-muted" p="sm">
          {tc.list.moreGroups}
        </Text>
      )}
    </div>
  );
}

const Card = ({ children }: { children: ReactNode }) => <div className="sph-card">{children}</div>;
const labelOf = (value: unknown) => (value === null ? tc.list.none : String(value));
const share = (n: number, all: number) =>
  `${n === all ? 100 : Math.min(99, Math.max(1, Math.round((100 * n) / all)))} %`;

function barText(field: Field, groups: FacetValue[], all: number): string {
  const parts = groups.slice(0, 8).map((group) => `${labelOf(group.value)} ${share(group.count, all)}`);
  return `${tc.list.distribution(field.title)}: ${parts.join(', ')}`;
}

function Members({
  blueprint,
  field,
  state,
  columns,
  value,
  total,
  onSort,
  selection,
}: Omit<Props, 'onOpen'> & { value: unknown; total: number }) {
  const inGroup = useMemo(
    () => ({ ...state, filter: both(state.filter, ruleOfGroup(field, value)) }),
    [state, field, value],
  );
  const query = useInfiniteQuery(entitiesQuery(blueprint.identifier, inGroup, 50));
  const rows = useMemo(() => query.data?.pages.flatMap((page) => page.entities) ?? [], [query.data]);
  return (
    <div className={css.members}>
      <DataTable
        label={tc.list.openGroup(labelOf(value))}
        columns={columns}
        rows={rows}
        total={total}
        rowKey={(entity) => entity.identifier}
        loading={query.isPending}
        error={query.error}
        onRetry={() => void query.refetch()}
        hasMore={query.hasNextPage}
        loadingMore={query.isFetchingNextPage}
        onLoadMore={() => void query.fetchNextPage()}
        sort={state.sort}
        onSort={onSort}
        filtered
        selection={selection}
        empty={null}
        reserve={420}
      />
    </div>
  );
}
