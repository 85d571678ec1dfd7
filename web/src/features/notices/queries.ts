import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';
import { api } from '~/api/client';
import type { components } from '~/api/schema';

type Schemas = components['schemas'];
export type Notice = Schemas['Notice'];
export type Preferences = Schemas['NoticePreferences'];
export type Channel = Schemas['NoticeChannel'];
export type ChannelBody = Schemas['NoticeChannelBody'];

export const noticesQuery = (unread: boolean) =>
  infiniteQueryOptions({
    queryKey: ['notice', 'list', unread],
    queryFn: ({ pageParam, signal }) =>
      api.get('/v1/notices', { query: { unread, from: pageParam, limit: 50 }, signal }),
    initialPageParam: '',
    getNextPageParam: (page) => page.next || undefined,
  });

export const preferencesQuery = queryOptions({
  queryKey: ['notice', 'preferences'],
  queryFn: ({ signal }) => api.get('/v1/notices/preferences', { signal }),
});

export const channelsQuery = queryOptions({
  queryKey: ['notice', 'channels'],
  queryFn: async ({ signal }) => (await api.get('/v1/notice-channels', { signal })).channels,
});

export const deliveriesQuery = (state: '' | 'waiting' | 'sent' | 'failed') =>
  infiniteQueryOptions({
    queryKey: ['notice', 'deliveries', state],
    queryFn: ({ pageParam, signal }) =>
      api.get('/v1/notice-deliveries', {
        query: { state: state || undefined, from: pageParam, limit: 50 },
        signal,
      }),
    initialPageParam: '',
    getNextPageParam: (page) => page.next || undefined,
  });
