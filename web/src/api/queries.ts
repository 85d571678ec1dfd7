import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';
import { api } from './client';
import type { Action, Blueprint, PullRequest, RunState } from './types';

// Query keys start with the topic that the event stream names, so that a hint
// makes stale exactly what it concerns; see lib/events.ts.

export const statusQuery = queryOptions({
  queryKey: ['status'],
  queryFn: ({ signal }) => api.get('/v1/status', { signal }),
});

export const meQuery = queryOptions({
  queryKey: ['me'],
  queryFn: ({ signal }) => api.get('/v1/me', { signal }),
  staleTime: 5 * 60_000,
  retry: false,
});

export const homeQuery = queryOptions({
  queryKey: ['home'],
  queryFn: ({ signal }) => api.get('/v1/home', { signal }),
});

// Relations may be left out when writing; an answer without any has none.
const asRead = (blueprint: Omit<Blueprint, 'relations'> & Partial<Pick<Blueprint, 'relations'>>): Blueprint =>
  ({ ...blueprint, relations: blueprint.relations ?? {} }) as Blueprint;

export const blueprintsQuery = queryOptions({
  queryKey: ['blueprint'],
  queryFn: async ({ signal }) => (await api.get('/v1/blueprints', { signal })).blueprints.map(asRead),
});

export const blueprintQuery = (bp: string) =>
  queryOptions({
    queryKey: ['blueprint', bp],
    queryFn: async ({ signal }) =>
      asRead((await api.get('/v1/blueprints/{bp}', { path: { bp }, signal })).blueprint),
  });

export const entityQuery = (bp: string, id: string) =>
  queryOptions({
    queryKey: ['entity', bp, id],
    queryFn: async ({ signal }) =>
      (await api.get('/v1/blueprints/{bp}/entities/{id}', { path: { bp, id }, signal })).entity,
  });

export const graphQuery = (bp: string, id: string, depth: number, limit = 100) =>
  queryOptions({
    queryKey: ['entity', bp, id, 'graph', depth, limit],
    queryFn: async ({ signal }) =>
      (
        await api.get('/v1/blueprints/{bp}/entities/{id}/graph', {
          path: { bp, id },
          query: { depth, limit },
          signal,
        })
      ).graph,
  });

export const searchQuery = (q: string, limit = 12) =>
  queryOptions({
    queryKey: ['search', q, limit],
    queryFn: async ({ signal }) => (await api.get('/v1/search', { query: { q, limit }, signal })).hits,
    enabled: q.trim() !== '',
    staleTime: 5_000,
  });

/** An action that is data may have no title of its own: then it has a name. */
type ListedAction = Action & { name?: string; trigger?: { type: string } };

/** Automations run by themselves: nobody asks for them. */
const toActions = (list: ListedAction[]): Action[] =>
  list
    .filter((action) => action.trigger?.type !== 'automation')
    .map((action) => ({
      ...action,
      title: action.title ?? action.name ?? action.identifier,
      description: action.description ?? '',
      icon: action.icon ?? '',
    }));

export const actionsQuery = queryOptions({
  queryKey: ['action'],
  queryFn: async ({ signal }) =>
    // The document describes an input only as a JSON Schema.
    toActions((await api.get('/v1/actions', { signal })).actions as unknown as ListedAction[]),
  staleTime: 60_000,
});

export type RunFilter = { state?: RunState; action?: string; actor?: string; entity?: string };

export const runsQuery = (filter: RunFilter, limit = 50) =>
  infiniteQueryOptions({
    queryKey: ['run', 'list', filter, limit],
    queryFn: ({ pageParam, signal }) =>
      api.get('/v1/runs', {
        query: { ...filter, from: pageParam, limit },
        signal,
      }),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next || undefined,
  });

export const runningNowQuery = queryOptions({
  queryKey: ['run', 'now'],
  queryFn: async ({ signal }) =>
    (await api.get('/v1/runs', { query: { state: 'running', limit: 20 }, signal })).runs,
});

export const pullRequestsQuery = (
  query: { state?: PullRequest['state']; waiting_for_me?: boolean },
  limit = 50,
) =>
  infiniteQueryOptions({
    queryKey: ['pull_request', 'list', query, limit],
    queryFn: ({ pageParam, signal }) =>
      api.get('/v1/pull-requests', {
        query: { ...query, from: pageParam, limit },
        signal,
      }),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next || undefined,
  });

export const firstAnswerQuery = queryOptions({
  queryKey: ['insight', 'first-answer'],
  queryFn: async ({ signal }) => (await api.get('/v1/insights/first-answer', { signal })).summary,
});

export const teamsQuery = queryOptions({
  queryKey: ['team'],
  queryFn: async ({ signal }) => (await api.get('/v1/teams', { signal })).teams,
  staleTime: 60_000,
});

export const tokensQuery = queryOptions({
  queryKey: ['token'],
  queryFn: async ({ signal }) => (await api.get('/v1/tokens', { signal })).tokens,
});

export const sessionsQuery = queryOptions({
  queryKey: ['session'],
  queryFn: async ({ signal }) => (await api.get('/v1/sessions', { signal })).sessions,
});
