import { queryOptions } from '@tanstack/react-query';
import { api } from '~/api/client';
import type { RunState } from '~/api/types';

// Not under the key "run": a hint would fetch what the run's own stream brings
// anyway, and an answer that is older than the stream would undo it.
export const runQuery = (id: string) =>
  queryOptions({
    queryKey: ['run-detail', id],
    queryFn: async ({ signal }) => (await api.get('/v1/runs/{id}', { path: { id }, signal })).run,
    staleTime: 5_000,
  });

export const undoPlanQuery = (id: string) =>
  queryOptions({
    queryKey: ['run-detail', id, 'undo'],
    queryFn: async ({ signal }) => (await api.get('/v1/runs/{id}/undo', { path: { id }, signal })).plan,
    staleTime: 0,
    retry: false,
  });

/** True for a state that does not change by itself any more. */
export function isOver(state: RunState): boolean {
  return state === 'succeeded' || state === 'failed' || state === 'cancelled' || state === 'undone';
}
