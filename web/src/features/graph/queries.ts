import { queryOptions } from '@tanstack/react-query';
import { api } from '~/api/client';
import type { Graph } from '~/api/types';
import { mergeGraphs } from './mergeGraphs';

/** What is around an entity. */
export const aroundQuery = (bp: string, id: string, depth: number, limit = 200) =>
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

/** The next neighbours of a node that was opened so many times, page by page. */
export const openedQuery = (bp: string, id: string, node: string, times: number) =>
  queryOptions({
    queryKey: ['entity', bp, id, 'graph', 'opened', node, times],
    queryFn: async ({ signal }) => {
      const pages: Graph[] = [];
      for (let page = 0; page < times; page++) {
        const { graph } = await api.get('/v1/blueprints/{bp}/entities/{id}/graph', {
          path: { bp, id },
          query: { expand: node, from: pages.at(-1)?.next },
          signal,
        });
        pages.push(graph);
        if (!graph.next) break;
      }
      return mergeGraphs(pages);
    },
  });

/** What depends on an entity, directly and through others. */
export const impactQuery = (bp: string, id: string, limit = 200) =>
  queryOptions({
    queryKey: ['entity', bp, id, 'impact', limit],
    queryFn: ({ signal }) =>
      api.get('/v1/blueprints/{bp}/entities/{id}/impact', { path: { bp, id }, query: { limit }, signal }),
  });

/** The shortest way between two entities. */
export const pathQuery = (from: string, to: string) =>
  queryOptions({
    queryKey: ['entity', 'path', from, to],
    queryFn: ({ signal }) => api.get('/v1/graph/path', { query: { from, to }, signal }),
    enabled: to !== '',
  });
