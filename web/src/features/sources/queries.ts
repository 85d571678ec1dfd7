import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';
import { api } from '~/api/client';

export const sourcesQuery = queryOptions({
  queryKey: ['entity', 'sources'],
  queryFn: async ({ signal }) => (await api.get('/v1/sources', { signal })).sources,
});

export const heldQuery = queryOptions({
  queryKey: ['entity', 'sweeps', 'held'],
  queryFn: async ({ signal }) => (await api.get('/v1/sweeps/held', { signal })).sweeps,
});

export const sweepQuery = (sweep: number) =>
  infiniteQueryOptions({
    queryKey: ['entity', 'sweeps', sweep],
    queryFn: ({ pageParam, signal }) =>
      api.get('/v1/sweeps/{sweep}', { path: { sweep }, query: { from: pageParam, limit: 200 }, signal }),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next || undefined,
  });
