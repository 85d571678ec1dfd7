import { infiniteQueryOptions } from '@tanstack/react-query';
import { api } from '~/api/client';
import { moment } from '~/features/audit/queries';

export const kinds = ['catalog', 'run', 'deploy', 'pull', 'flag', 'approval', 'secret', 'denied'] as const;
export type Kind = (typeof kinds)[number];

export type TimelineFilter = { kinds?: Kind[]; actor?: string; since?: string; until?: string };

export const timelineQuery = (bp: string, id: string, filter: TimelineFilter = {}, limit = 50) =>
  infiniteQueryOptions({
    queryKey: ['entity', bp, id, 'timeline', filter, limit],
    queryFn: ({ pageParam, signal }) =>
      api.get('/v1/blueprints/{bp}/entities/{id}/timeline', {
        path: { bp, id },
        query: {
          kind: filter.kinds && filter.kinds.length > 0 ? filter.kinds : undefined,
          actor: filter.actor,
          since: moment(filter.since),
          until: moment(filter.until),
          from: pageParam,
          limit,
        },
        signal,
      }),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next || undefined,
  });
