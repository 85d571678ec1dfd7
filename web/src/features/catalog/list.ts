import { infiniteQueryOptions, keepPreviousData } from '@tanstack/react-query';
import { api, url } from '~/api/client';
import type { Rule } from '~/api/types';
import { parseSort, type ListSearch } from '~/lib/listState';

/** What the server is asked for: the list's state without what is only looks. */
export function bodyOf(search: ListSearch): { text?: string; rules?: Rule[]; sort?: string; desc?: boolean } {
  const sort = parseSort(search.sort);
  return { text: search.q, rules: search.filter, sort: sort?.key, desc: sort?.desc || undefined };
}

export const entitiesQuery = (bp: string, search: ListSearch, limit = 100) =>
  infiniteQueryOptions({
    queryKey: ['entity', bp, 'list', bodyOf(search), limit],
    queryFn: ({ pageParam, signal }) =>
      api.post(
        '/v1/blueprints/{bp}/entities/search',
        { path: { bp }, signal },
        { ...bodyOf(search), from: pageParam, limit },
      ),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next || undefined,
    placeholderData: keepPreviousData,
  });

/** The address of the CSV file with exactly the rows and columns of a list. */
export function csvAddress(bp: string, search: ListSearch, columns: string[], onlyIds?: string[]): string {
  const sort = parseSort(search.sort);
  const rules: Rule[] = onlyIds
    ? [{ property: '$identifier', operator: 'in', value: onlyIds }]
    : (search.filter ?? []);
  return url('/v1/blueprints/{bp}/entities.csv', {
    path: { bp },
    query: {
      q: onlyIds ? undefined : search.q,
      rules: rules.length > 0 ? JSON.stringify(rules) : undefined,
      columns: columns.join(','),
      sort: sort?.key,
      desc: sort?.desc,
    },
  });
}
