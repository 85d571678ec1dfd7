import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';
import { api, url } from '~/api/client';
import { errorOf } from '~/api/errors';

export type Outcome = 'success' | 'denied' | 'failure';

/** What the log is narrowed to; it is the search part of the page's address. */
export type LogFilter = {
  q?: string;
  object?: string;
  actor?: string;
  verb?: string;
  run?: string;
  address?: string;
  outcome?: string;
  since?: string;
  until?: string;
};

/** A local moment of an input, "2026-01-02T15:04", as the API takes it. */
export function moment(local: string | undefined): string | undefined {
  if (!local) return undefined;
  const at = new Date(local);
  return Number.isNaN(at.getTime()) ? undefined : at.toISOString();
}

const outcomes = ['success', 'denied', 'failure'];

export function parseOutcome(value: string | undefined): Outcome[] | undefined {
  const list = (value ?? '').split(',').filter((each): each is Outcome => outcomes.includes(each));
  return list.length > 0 ? list : undefined;
}

export const logQuery = ({ outcome, since, until, ...rest }: LogFilter) =>
  infiniteQueryOptions({
    queryKey: ['audit', 'log', rest, outcome, since, until],
    queryFn: ({ pageParam, signal }) =>
      api.get('/v1/audit', {
        query: {
          ...rest,
          outcome: parseOutcome(outcome),
          since: moment(since),
          until: moment(until),
          from: pageParam,
          limit: 100,
        },
        signal,
      }),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next || undefined,
  });

export const chainQuery = queryOptions({
  queryKey: ['audit', 'chain'],
  queryFn: ({ signal }) => api.get('/v1/audit/chain', { signal }),
  refetchInterval: 30_000,
  retry: false,
});

/** Everything sealed since a moment, as a file. */
export async function exportLog(format: 'jsonl' | 'ocsf', since: string | undefined): Promise<Blob> {
  const path = url('/v1/audit/export', { query: { format, since: moment(since), limit: 100_000 } });
  const response = await fetch(path, { method: 'POST', credentials: 'same-origin' });
  if (!response.ok) throw errorOf(response.status, await response.json().catch(() => undefined));
  return response.blob();
}
