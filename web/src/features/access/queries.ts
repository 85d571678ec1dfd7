import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';
import { api, type Answer } from '~/api/client';

export type Right = Answer<'/v1/access/what', 'get'>['rights'][number];
export type PolicyInfo = Answer<'/v1/access/policies', 'get'>['list'][number];
export type PolicyChange = Answer<'/v1/access/policies/changes/{id}', 'get'>['change'];
export type PolicyReport = Answer<'/v1/access/policies/check', 'post'>['report'];

/** What a question about rights is about. */
export type Thing = {
  type?: 'entity' | 'run' | 'action' | 'repository' | 'portal';
  blueprint?: string;
  id?: string;
};

export const rightsQuery = (thing: Thing) =>
  queryOptions({
    queryKey: ['access', 'what', thing],
    queryFn: async ({ signal }) => (await api.get('/v1/access/what', { query: thing, signal })).rights,
  });

export const whyQuery = (thing: Thing, verb: string) =>
  queryOptions({
    queryKey: ['access', 'why', thing, verb],
    queryFn: ({ signal }) => api.get('/v1/access/why', { query: { ...thing, verb }, signal }),
  });

export const whoQuery = (thing: Thing, verb: string) =>
  queryOptions({
    queryKey: ['access', 'who', thing, verb],
    queryFn: ({ signal }) => api.get('/v1/access/who', { query: { ...thing, verb }, signal }),
  });

export const policiesQuery = queryOptions({
  queryKey: ['policy'],
  queryFn: ({ signal }) => api.get('/v1/access/policies', { signal }),
});

export const schemaQuery = queryOptions({
  queryKey: ['policy', 'schema'],
  queryFn: async ({ signal }) => (await api.get('/v1/access/schema', { signal })).schema,
});

export const changeQuery = (id: string) =>
  queryOptions({
    queryKey: ['policy', 'change', id],
    queryFn: async ({ signal }) =>
      (await api.get('/v1/access/policies/changes/{id}', { path: { id }, signal })).change,
  });

export const changesQuery = infiniteQueryOptions({
  queryKey: ['policy', 'changes'],
  queryFn: ({ pageParam, signal }) =>
    api.get('/v1/access/policies/changes', { query: { from: pageParam }, signal }),
  initialPageParam: undefined as string | undefined,
  getNextPageParam: (page) => page.next || undefined,
});
