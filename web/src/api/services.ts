import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';
import { api } from './client';

// What a running service shows on its page.

export const instancesQuery = (name: string) =>
  queryOptions({
    queryKey: ['instance', name],
    queryFn: async ({ signal }) =>
      (await api.get('/v1/services/{name}/instances', { path: { name }, signal })).instances,
  });

export const deploymentsQuery = (name: string) =>
  queryOptions({
    queryKey: ['instance', name, 'deployments'],
    queryFn: async ({ signal }) =>
      (
        await api.get('/v1/services/{name}/deployments', {
          path: { name },
          signal,
        })
      ).deployments,
  });

export const checksQuery = (name: string) =>
  queryOptions({
    queryKey: ['check', name],
    queryFn: async ({ signal }) =>
      (await api.get('/v1/services/{name}/checks', { path: { name }, signal })).checks,
    staleTime: 30_000,
  });

export const repositoryQuery = (repo: string) =>
  queryOptions({
    queryKey: ['repository', repo],
    queryFn: async ({ signal }) =>
      (await api.get('/v1/repositories/{repo}', { path: { repo }, signal })).repository,
  });

export const treeQuery = (repo: string, ref: string, path = '') =>
  queryOptions({
    queryKey: ['repository', repo, 'tree', ref, path],
    queryFn: async ({ signal }) =>
      (
        await api.get('/v1/repositories/{repo}/tree', {
          path: { repo },
          query: { ref, path },
          signal,
        })
      ).entries,
  });

export const commitsQuery = (repo: string, ref: string) =>
  queryOptions({
    queryKey: ['repository', repo, 'commits', ref, 'first'],
    queryFn: async ({ signal }) =>
      (
        await api.get('/v1/repositories/{repo}/commits', {
          path: { repo },
          query: { ref, limit: 5 },
          signal,
        })
      ).commits,
  });

export const repositoryPullsQuery = (repo: string) =>
  infiniteQueryOptions({
    queryKey: ['pull_request', repo, 'open'],
    queryFn: ({ signal }) =>
      api.get('/v1/repositories/{repo}/pull-requests', {
        path: { repo },
        query: { state: 'open', limit: 5 },
        signal,
      }),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: () => undefined,
  });

export const dependentsQuery = (bp: string, id: string) =>
  queryOptions({
    queryKey: ['entity', bp, id, 'dependents'],
    queryFn: async ({ signal }) =>
      (
        await api.get('/v1/blueprints/{bp}/entities/{id}/dependents', {
          path: { bp, id },
          signal,
        })
      ).dependents,
  });
