import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';
import { api } from '~/api/client';

export const peopleQuery = (text: string) =>
  infiniteQueryOptions({
    queryKey: ['people', text],
    initialPageParam: '',
    queryFn: ({ pageParam, signal }) =>
      api.get('/v1/people', { query: { q: text, from: pageParam, limit: 50 }, signal }),
    getNextPageParam: (page) => page.next || undefined,
  });

export const personQuery = (id: string) =>
  queryOptions({
    queryKey: ['people', 'one', id],
    queryFn: async ({ signal }) => (await api.get('/v1/people/{id}', { path: { id }, signal })).person,
  });

export const teamsQuery = queryOptions({
  queryKey: ['teams'],
  queryFn: async ({ signal }) => (await api.get('/v1/teams', { signal })).teams,
});

export const holdingsQuery = (name: string) =>
  queryOptions({
    queryKey: ['holdings', name],
    queryFn: async ({ signal }) =>
      (await api.get('/v1/teams/{name}/holdings', { path: { name }, signal })).holdings,
    staleTime: 0,
  });
