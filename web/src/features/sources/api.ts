import { queryOptions } from '@tanstack/react-query';
import { call } from '~/api/client';

// What is kept as it was sent has no types of its own in the API's description.

export type Webhook = {
  identifier: string;
  title?: string;
  enabled?: boolean;
  url: string;
  mappings?: unknown[];
  security: { secret?: string; signatureHeaderName?: string; signatureAlgorithm?: string };
};
export type HookEvent = {
  id: number;
  status: string;
  receivedAt: string;
  attempts: number;
  bytes: number;
  result?: {
    created: number;
    updated: number;
    deleted: number;
    held?: number;
    failed: number;
    problems: { identifier?: string; field?: string; problem: string }[];
  };
};
export type HookChange = {
  mapping: number;
  operation: string;
  blueprint: string;
  entity: Record<string, unknown>;
};
export type Warning = { field: string; problem: string };
export type Integration = {
  identifier: string;
  title?: string;
  installationAppType?: string;
  version?: string;
  config?: unknown;
  lastSeenAt?: string;
};
export type Delivery = {
  change: number;
  about: string;
  at: string;
  attempt: number;
  status: string;
  millis: number;
};
export type Doc = Record<string, unknown> & { identifier: string; title?: string };

export const webhooksQuery = queryOptions({
  queryKey: ['inout', 'webhooks'],
  queryFn: async ({ signal }) =>
    (await call<{ integrations: Webhook[] }>('GET', '/v1/webhooks', { signal })).integrations,
});
export const eventsQuery = (id: string) =>
  queryOptions({
    queryKey: ['inout', 'webhooks', id, 'events'],
    queryFn: ({ signal }) =>
      call<{ events: HookEvent[]; refused?: { count: number; reason: string } }>(
        'GET',
        '/v1/webhooks/{id}/events',
        {
          path: { id },
          signal,
        },
      ),
    refetchInterval: 5000,
  });
export const integrationsQuery = queryOptions({
  queryKey: ['inout', 'integrations'],
  queryFn: async ({ signal }) =>
    (await call<{ integrations: Integration[] }>('GET', '/v1/integration', { signal })).integrations,
});
export const integrationLogQuery = (id: string) =>
  queryOptions({
    queryKey: ['inout', 'integrations', id, 'logs'],
    queryFn: async ({ signal }) =>
      (
        await call<{ logs: Record<string, unknown>[] }>('GET', '/v1/integration/{id}/logs', {
          path: { id },
          query: { limit: 100 },
          signal,
        })
      ).logs,
  });
export const syncsQuery = (id: string) =>
  queryOptions({
    queryKey: ['inout', 'integrations', id, 'syncs'],
    queryFn: async ({ signal }) =>
      (
        await call<{ syncMetrics: Record<string, unknown>[] }>('GET', '/v1/integration/{id}/syncMetrics', {
          path: { id },
          signal,
        })
      ).syncMetrics,
  });
export const deliveriesQuery = (bp: string) =>
  queryOptions({
    queryKey: ['inout', 'deliveries', bp],
    queryFn: async ({ signal }) =>
      (
        await call<{ deliveries: Delivery[] }>('GET', '/v1/blueprints/{bp}/changelog-deliveries', {
          path: { bp },
          signal,
        })
      ).deliveries,
  });
export const actionDocsQuery = queryOptions({
  queryKey: ['inout', 'actions'],
  queryFn: async ({ signal }) =>
    (await call<{ actions: Doc[] }>('GET', '/v1/actions', { signal })).actions.filter(
      (one) => one.invocationMethod !== undefined,
    ),
});
export const pagesQuery = queryOptions({
  queryKey: ['inout', 'pages'],
  queryFn: async ({ signal }) => (await call<{ pages: Doc[] }>('GET', '/v1/pages', { signal })).pages,
});
export const sidebarQuery = queryOptions({
  queryKey: ['inout', 'sidebar'],
  queryFn: async ({ signal }) =>
    (
      await call<{ sidebar: { items: (Doc & { sidebarType: string })[] } }>('GET', '/v1/sidebars/{sidebar}', {
        path: { sidebar: 'catalog' },
        signal,
      })
    ).sidebar.items,
});
