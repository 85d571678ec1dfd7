import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';
import { api, type Params } from '~/api/client';
import type { Patch } from './model';
import type { ListState } from './listState';
import { asFlag } from './types';

// Keys begin with the topics of the event stream: "flag" when a definition
// changed, "flag_usage" when counts came in, "flag_key" for keys.

export const projectsQuery = queryOptions({
  queryKey: ['flag', 'projects'],
  queryFn: async ({ signal }) =>
    (await api.get('/v1/flag-projects', { query: { limit: 200 }, signal })).projects,
  staleTime: 60_000,
});

export const projectQuery = (project: string) =>
  queryOptions({
    queryKey: ['flag', 'project', project],
    queryFn: ({ signal }) => api.get('/v1/flag-projects/{project}', { path: { project }, signal }),
    staleTime: 60_000,
  });

export const flagsQuery = (state: ListState, limit = 50) =>
  infiniteQueryOptions({
    queryKey: ['flag', 'list', state, limit],
    queryFn: ({ pageParam, signal }) =>
      listFlags({
        query: {
          project: state.project,
          environment: state.env,
          owner: state.owner,
          kind: state.kind,
          state: state.state,
          tag: state.tag,
          stale: state.stale,
          q: state.q,
          from: pageParam,
          limit,
        },
        signal,
      }),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next || undefined,
  });

/** A page of flags. */
export async function listFlags(params: Params<'/v1/flags', 'get'>) {
  const page = await api.get('/v1/flags', params);
  return { flags: page.flags.map(asFlag), next: page.next };
}

/** The flags of one project, for choosing among them. */
export const projectFlagsQuery = (project: string) =>
  queryOptions({
    queryKey: ['flag', 'of', project],
    queryFn: async ({ signal }) =>
      (
        await api.get('/v1/flag-projects/{project}/flags', {
          path: { project },
          query: { limit: 200 },
          signal,
        })
      ).flags.map(asFlag),
  });

export const flagQuery = (project: string, key: string) =>
  queryOptions({
    queryKey: ['flag', 'one', project, key],
    queryFn: async ({ signal }) =>
      asFlag(
        (await api.get('/v1/flag-projects/{project}/flags/{key}', { path: { project, key }, signal })).flag,
      ),
  });

/** Where flags can be on: the environments of the organisation, also those without a flag. */
export const environmentsQuery = queryOptions({
  queryKey: ['entity', 'Environment', 'names'],
  queryFn: async ({ signal }) =>
    (
      await api.post(
        '/v1/blueprints/{bp}/entities/search',
        { path: { bp: 'Environment' }, signal },
        { limit: 200 },
      )
    ).entities.map((each) => each.identifier),
  staleTime: 60_000,
});

export const segmentsQuery = (project: string) =>
  queryOptions({
    queryKey: ['flag', 'segments', project],
    queryFn: async ({ signal }) =>
      (await api.get('/v1/flag-projects/{project}/segments', { path: { project }, signal })).segments,
  });

export const previewQuery = (project: string, key: string, env: string, version: number, patch: Patch) =>
  queryOptions({
    queryKey: ['flag', 'preview', project, key, env, version, patch],
    queryFn: async ({ signal }) =>
      (
        await api.post(
          '/v1/flag-projects/{project}/flags/{key}/environments/{env}/preview',
          { path: { project, key, env }, signal },
          patch as never,
        )
      ).preview,
    retry: false,
  });

export const historyQuery = (project: string, key: string, environment: string | undefined) =>
  infiniteQueryOptions({
    queryKey: ['flag', 'history', project, key, environment],
    queryFn: ({ pageParam, signal }) =>
      api.get('/v1/flag-projects/{project}/flags/{key}/history', {
        path: { project, key },
        query: { environment, from: pageParam, limit: historyPage },
        signal,
      }),
    initialPageParam: undefined as number | undefined,
    getNextPageParam: (page) =>
      page.changes.length < historyPage ? undefined : page.changes.at(-1)?.version,
  });
const historyPage = 30;

export const referencesQuery = (project: string, key: string) =>
  queryOptions({
    queryKey: ['flag', 'references', project, key],
    queryFn: async ({ signal }) =>
      (
        await api.get('/v1/flag-projects/{project}/flags/{key}/references', {
          path: { project, key },
          signal,
        })
      ).references,
    staleTime: 5 * 60_000,
  });

export const exportQuery = (project: string, environment: string) =>
  queryOptions({
    queryKey: ['flag', 'export', project, environment],
    queryFn: ({ signal }) =>
      api.get('/v1/flag-projects/{project}/export', {
        path: { project },
        query: { environment },
        signal,
      }) as Promise<unknown>,
  });

export const proposalsQuery = (project: string) =>
  queryOptions({
    queryKey: ['flag', 'proposals', project],
    queryFn: async ({ signal }) =>
      (
        await api.get('/v1/flag-projects/{project}/proposals', {
          path: { project },
          query: { state: 'open' },
          signal,
        })
      ).proposals,
  });

export const scheduleQuery = queryOptions({
  queryKey: ['flag', 'schedule'],
  queryFn: async ({ signal }) => (await api.get('/v1/flags/schedule', { signal })).entries,
});

export const staleQuery = queryOptions({
  queryKey: ['flag', 'stale'],
  queryFn: async ({ signal }) => (await api.get('/v1/flags/stale', { signal })).flags,
});

export const unknownQuery = queryOptions({
  queryKey: ['flag_usage', 'unknown'],
  queryFn: async ({ signal }) => (await api.get('/v1/flags/unknown', { signal })).unknown,
});

export const keysQuery = (project: string) =>
  queryOptions({
    queryKey: ['flag_key', project],
    queryFn: async ({ signal }) =>
      (await api.get('/v1/flag-projects/{project}/keys', { path: { project }, signal })).keys,
  });

export const usageQuery = (project: string, key: string, environment: string, hours: number) =>
  queryOptions({
    queryKey: ['flag_usage', project, key, environment, hours],
    queryFn: async ({ signal }) =>
      (
        await api.get('/v1/flag-projects/{project}/flags/{key}/usage', {
          path: { project, key },
          query: { environment, hours },
          signal,
        })
      ).usage,
  });

export const totalsQuery = (project: string) =>
  queryOptions({
    queryKey: ['flag_usage', project, 'totals'],
    queryFn: async ({ signal }) =>
      (await api.get('/v1/flag-projects/{project}/usage', { path: { project }, signal })).flags,
    staleTime: 60_000,
  });
