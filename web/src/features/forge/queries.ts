import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';
import { api } from '~/api/client';
import type { PullRequest } from '~/api/types';

export const repositoriesQuery = (q: string | undefined, limit = 50) =>
  infiniteQueryOptions({
    queryKey: ['repository', 'list', q ?? '', limit],
    queryFn: ({ pageParam, signal }) =>
      api.get('/v1/repositories', {
        query: { q, from: pageParam, limit },
        signal,
      }),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next || undefined,
  });

export const branchesQuery = (repo: string) =>
  queryOptions({
    queryKey: ['repository', repo, 'branches'],
    queryFn: async ({ signal }) =>
      (
        await api.get('/v1/repositories/{repo}/branches', {
          path: { repo },
          signal,
        })
      ).branches ?? [],
  });

export const commitListQuery = (repo: string, ref: string, limit = 30) =>
  infiniteQueryOptions({
    queryKey: ['repository', repo, 'commits', ref, limit],
    queryFn: ({ pageParam, signal }) =>
      api.get('/v1/repositories/{repo}/commits', {
        path: { repo },
        query: { ref, from: pageParam, limit },
        signal,
      }),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next || undefined,
  });

export const commitQuery = (repo: string, sha: string) =>
  queryOptions({
    queryKey: ['repository', repo, 'commit', sha],
    queryFn: ({ signal }) =>
      api.get('/v1/repositories/{repo}/commits/{sha}', {
        path: { repo, sha },
        signal,
      }),
    staleTime: Infinity,
  });

export const statusesQuery = (repo: string, sha: string) =>
  queryOptions({
    queryKey: ['repository', repo, 'statuses', sha],
    queryFn: async ({ signal }) =>
      (
        await api.get('/v1/repositories/{repo}/statuses/{sha}', {
          path: { repo, sha },
          signal,
        })
      ).statuses ?? [],
  });

export const fileQuery = (repo: string, ref: string, path: string) =>
  queryOptions({
    queryKey: ['repository', repo, 'file', ref, path],
    queryFn: async ({ signal }) =>
      (
        await api.get('/v1/repositories/{repo}/file', {
          path: { repo },
          query: { ref, path },
          signal,
        })
      ).file,
  });

export const compareQuery = (repo: string, base: string, head: string) =>
  queryOptions({
    queryKey: ['repository', repo, 'compare', base, head],
    queryFn: async ({ signal }) =>
      (
        await api.get('/v1/repositories/{repo}/compare', {
          path: { repo },
          query: { base, head },
          signal,
        })
      ).files ?? [],
    enabled: base !== '' && head !== '' && base !== head,
  });

export const repositoryPullListQuery = (repo: string, state: PullRequest['state'], limit = 50) =>
  infiniteQueryOptions({
    queryKey: ['pull_request', repo, 'list', state, limit],
    queryFn: ({ pageParam, signal }) =>
      api.get('/v1/repositories/{repo}/pull-requests', {
        path: { repo },
        query: { state, from: pageParam, limit },
        signal,
      }),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next || undefined,
  });

export const pullQuery = (repo: string, number: number) =>
  queryOptions({
    queryKey: ['pull_request', repo, 'one', number],
    queryFn: async ({ signal }) =>
      (
        await api.get('/v1/repositories/{repo}/pull-requests/{n}', {
          path: { repo, n: number },
          signal,
        })
      ).pullRequest,
  });

export const pullDiffQuery = (repo: string, number: number, headSha: string) =>
  queryOptions({
    queryKey: ['pull_request', repo, 'diff', number, headSha],
    queryFn: async ({ signal }) =>
      (
        await api.get('/v1/repositories/{repo}/pull-requests/{n}/diff', {
          path: { repo, n: number },
          signal,
        })
      ).files ?? [],
  });
