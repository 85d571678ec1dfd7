import { queryOptions } from '@tanstack/react-query';
import { api } from '~/api/client';

export const accountsQuery = queryOptions({
  queryKey: ['machines', 'accounts'],
  queryFn: async ({ signal }) => (await api.get('/v1/service-accounts', { signal })).serviceAccounts,
});

export const accountTokensQuery = (id: string) =>
  queryOptions({
    queryKey: ['machines', 'tokens', id],
    queryFn: async ({ signal }) =>
      (await api.get('/v1/service-accounts/{id}/tokens', { path: { id }, signal })).tokens,
  });

export const trustQuery = queryOptions({
  queryKey: ['machines', 'trust'],
  queryFn: async ({ signal }) => (await api.get('/v1/trust-rules', { signal })).rules,
});
