import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';
import { api } from '~/api/client';
import type { components } from '~/api/schema';

type Schemas = components['schemas'];
export type Approval = Schemas['ApprovalRequest'];
export type ApprovalDetail = Schemas['ApprovalDetail'];
export type ApprovalRule = Schemas['ApprovalRule'];
export type RuleBody = Schemas['ApprovalRuleBody'];
export type RuleGroup = Schemas['ApprovalRuleGroup'];

export const views = ['waiting', 'mine', 'decided'] as const;
export type View = (typeof views)[number];

// Under the key "run": whatever happens to a run may change what waits.
export const approvalsQuery = (view: View) =>
  infiniteQueryOptions({
    queryKey: ['run', 'approvals', view],
    queryFn: ({ pageParam, signal }) =>
      api.get('/v1/approvals', { query: { view, from: pageParam, limit: 50 }, signal }),
    initialPageParam: '',
    getNextPageParam: (page) => page.next || undefined,
  });

export const approvalQuery = (id: string) =>
  queryOptions({
    queryKey: ['run', 'approval', id],
    queryFn: async ({ signal }) => (await api.get('/v1/approvals/{id}', { path: { id }, signal })).approval,
  });

export const timesQuery = queryOptions({
  queryKey: ['run', 'approval-times'],
  queryFn: async ({ signal }) => (await api.get('/v1/insights/approvals', { signal })).times,
  staleTime: 60_000,
});

export const rulesQuery = queryOptions({
  queryKey: ['approval-rules'],
  queryFn: async ({ signal }) => (await api.get('/v1/approval-rules', { signal })).rules,
});

export const delegationsQuery = queryOptions({
  queryKey: ['delegations'],
  queryFn: async ({ signal }) => (await api.get('/v1/approval-delegations', { signal })).delegations,
});

export const holdsQuery = queryOptions({
  queryKey: ['run', 'holds'],
  queryFn: async ({ signal }) => (await api.get('/v1/holds', { signal })).holds,
});
