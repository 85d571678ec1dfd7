import { infiniteQueryOptions, keepPreviousData, queryOptions } from '@tanstack/react-query';
import { api, call, url } from '~/api/client';
import type { Entity } from '~/api/types';
import { parseSort } from '~/lib/listState';
import type { ListState } from './listState';
import type { QueryGroup } from './queryTree';

export type FacetValue = { value: unknown; count: number };
export type EntityList = {
  entities: Entity[];
  next?: string;
  total: number;
  totalIsAtLeast?: boolean;
  facets?: Record<string, FacetValue[]>;
};
type Body = {
  text?: string;
  query?: QueryGroup;
  sort?: string;
  desc?: boolean;
};

/** What the server is asked for: the list's state without what is only looks. */
export function bodyOf(state: Pick<ListState, 'q' | 'filter' | 'sort'>): Body {
  const sort = parseSort(state.sort);
  return { text: state.q, query: state.filter, sort: sort?.key, desc: sort?.desc || undefined };
}

const find = (bp: string, body: object, signal?: AbortSignal) =>
  call<EntityList>('POST', '/v1/blueprints/{bp}/entities/search', { path: { bp }, signal }, body);

export const entitiesQuery = (bp: string, state: Pick<ListState, 'q' | 'filter' | 'sort'>, limit = 100) =>
  infiniteQueryOptions({
    queryKey: ['entity', bp, 'list', bodyOf(state), limit],
    queryFn: ({ pageParam, signal }) => find(bp, { ...bodyOf(state), from: pageParam, limit }, signal),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next || undefined,
    placeholderData: keepPreviousData,
  });

/** How many entities have each value of some properties, under a filter. */
export const facetsQuery = (bp: string, state: Pick<ListState, 'q' | 'filter'>, facets: string[]) =>
  queryOptions({
    queryKey: ['entity', bp, 'facets', state.q, state.filter, facets],
    queryFn: ({ signal }) => find(bp, { text: state.q, query: state.filter, facets, limit: 1 }, signal),
    placeholderData: keepPreviousData,
    enabled: facets.length > 0,
  });

/** The address of a file with exactly the rows of a list, and for CSV its columns. */
export function exportAddress(
  format: 'csv' | 'json',
  bp: string,
  state: Pick<ListState, 'q' | 'filter' | 'sort'>,
  columns: string[],
  onlyIds?: string[],
): string {
  const sort = parseSort(state.sort);
  const chosen: QueryGroup | undefined = onlyIds && {
    combinator: 'and',
    rules: [{ property: '$identifier', operator: 'in', value: onlyIds }],
  };
  const query = chosen ?? state.filter;
  return url(`/v1/blueprints/{bp}/entities.${format}`, {
    path: { bp },
    query: {
      q: chosen ? undefined : state.q,
      query: query && JSON.stringify(query),
      columns: format === 'csv' ? columns.join(',') : undefined,
      sort: sort?.key,
      desc: sort?.desc,
    },
  });
}

export const viewsQuery = (of: { blueprint: string } | { list: 'flags' }) =>
  queryOptions({
    queryKey: ['view', of],
    queryFn: async ({ signal }) => (await api.get('/v1/views', { query: of, signal })).views,
    staleTime: 60_000,
  });
