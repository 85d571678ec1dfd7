import { QueryClient } from '@tanstack/react-query';
import { isApiError } from '~/api/errors';

/** Makes the cache of what the server said. The server tells what changed by events. */
export function newQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: 15_000,
        refetchOnWindowFocus: false,
        // Only what may pass by itself is tried again.
        retry: (count, error) =>
          count < 2 && (!isApiError(error) || error.status === 0 || error.status >= 500),
        retryDelay: (count) => 400 * 2 ** count,
      },
    },
  });
}
