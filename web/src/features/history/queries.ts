import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';
import { api, call } from '~/api/client';

export const versionsQuery = (bp: string, id: string) =>
  infiniteQueryOptions({
    queryKey: ['entity', bp, id, 'history'],
    queryFn: ({ pageParam, signal }) =>
      api.get('/v1/blueprints/{bp}/entities/{id}/history', {
        path: { bp, id },
        query: { from: pageParam, limit: 50 },
        signal,
      }),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next || undefined,
  });

/** The entity at a time, or in a version by its number. */
export const atQuery = (bp: string, id: string, time: string) =>
  queryOptions({
    queryKey: ['entity', bp, id, 'at', time],
    queryFn: ({ signal }) =>
      api.get('/v1/blueprints/{bp}/entities/{id}/at', { path: { bp, id }, query: { time }, signal }),
    enabled: time !== '',
    retry: false,
  });

export const compareQuery = (bp: string, id: string, from: number, to: number) =>
  queryOptions({
    queryKey: ['entity', bp, id, 'compare', from, to],
    queryFn: async ({ signal }) =>
      (
        await api.get('/v1/blueprints/{bp}/entities/{id}/compare', {
          path: { bp, id },
          query: { from: String(from), to: String(to) },
          signal,
        })
      ).changes,
  });

export const provenanceQuery = (bp: string, id: string) =>
  queryOptions({
    queryKey: ['entity', bp, id, 'provenance'],
    queryFn: async ({ signal }) =>
      (await api.get('/v1/blueprints/{bp}/entities/{id}/provenance', { path: { bp, id }, signal })).fields,
    retry: false,
  });

export const deletedQuery = (blueprint: string | undefined) =>
  infiniteQueryOptions({
    queryKey: ['entity', 'deleted', blueprint],
    queryFn: ({ pageParam, signal }) =>
      api.get('/v1/deleted', { query: { blueprint, from: pageParam, limit: 100 }, signal }),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next || undefined,
  });

type Ref = { blueprint: string; identifier: string; title: string };
export type Explanation = {
  kind: string;
  value: unknown;
  now?: unknown;
  definition: unknown;
  inputs: Record<string, unknown> | null;
  hops: { relation: string; entities: Ref[] | null }[] | null;
  contributing: (Ref & { value?: unknown })[] | null;
  count: number;
  error?: string;
};

export const explainQuery = (bp: string, id: string, property: string) =>
  queryOptions({
    queryKey: ['entity', bp, id, 'explain', property],
    queryFn: async ({ signal }) =>
      (
        await call<{ explanation: Explanation }>(
          'GET',
          '/v1/blueprints/{bp}/entities/{id}/explain/{property}',
          { path: { bp, id, property }, signal },
        )
      ).explanation,
    retry: false,
  });
