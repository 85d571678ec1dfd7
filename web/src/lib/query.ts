import { QueryCache, QueryClient } from '@tanstack/react-query';
import { isApiError } from '~/api/errors';

/**
 * Makes the cache of what the server said; the server tells by events what
 * changed. `onSignedOut` is called when an answer says that the session ended.
 */
export function newQueryClient(onSignedOut?: () => void): QueryClient {
  return new QueryClient({
    queryCache: new QueryCache({
      onError: (error, query) => {
        if (isApiError(error, 'unauthorized') && query.queryKey[0] !== 'me') onSignedOut?.();
      },
    }),
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
