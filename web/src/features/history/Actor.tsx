import { useQuery } from '@tanstack/react-query';
import { api } from '~/api/client';
import { tc } from '~/strings/catalog';

export const usersQuery = {
  queryKey: ['user'],
  queryFn: async ({ signal }: { signal: AbortSignal }) => (await api.get('/v1/users', { signal })).users,
  staleTime: 60_000,
};

/** Who did it, by name; programs and people who left by their id. */
export function Actor({ id }: { id: string }) {
  const { data } = useQuery(usersQuery);
  if (id === 'system') return tc.history.system;
  return data?.find((user) => user.id === id)?.name ?? id;
}
