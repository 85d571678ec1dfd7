import { queryOptions } from '@tanstack/react-query';
import { call } from '~/api/client';
import type { Graph } from '~/api/types';

export const firstNodes = 100;
const nodesPerOpening = 50;
const nodesAtMost = 500;

/** What is around an entity. */
export const aroundQuery = (bp: string, id: string, depth: number, limit = firstNodes) =>
  queryOptions({
    queryKey: ['entity', bp, id, 'graph', depth, limit],
    queryFn: async ({ signal }) =>
      (
        await call<{ graph: Graph }>('GET', '/v1/blueprints/{bp}/entities/{id}/graph', {
          path: { bp, id },
          query: { depth, limit },
          signal,
        })
      ).graph,
  });

/** The neighbours of a node that was opened so many times. */
export const openedQuery = (bp: string, id: string, times: number) =>
  aroundQuery(bp, id, 1, Math.min(nodesAtMost, nodesPerOpening * times + 1));

/** What depends on an entity, directly and through others. */
export const impactQuery = (bp: string, id: string) =>
  queryOptions({
    queryKey: ['entity', bp, id, 'impact'],
    queryFn: ({ signal }) =>
      call<{ graph: Graph; total?: number }>('GET', '/v1/blueprints/{bp}/entities/{id}/impact', {
        path: { bp, id },
        signal,
      }),
  });

/** The shortest way between two entities. */
export const pathQuery = (from: string, to: string) =>
  queryOptions({
    queryKey: ['entity', 'path', from, to],
    queryFn: ({ signal }) => call<{ graph: Graph }>('GET', '/v1/graph/path', { query: { from, to }, signal }),
    enabled: to !== '',
  });
