import { createRootRouteWithContext, Outlet, redirect, useRouterState } from '@tanstack/react-router';
import type { QueryClient } from '@tanstack/react-query';
import { isApiError } from '~/api/errors';
import { meQuery } from '~/api/queries';
import { Shell } from '~/features/shell/Shell';

const publicPages = ['/login', '/setup', '/signed-in'];

export const Route = createRootRouteWithContext<{ queryClient: QueryClient }>()({
  beforeLoad: async ({ context, location }) => {
    if (publicPages.includes(location.pathname)) return;
    try {
      await context.queryClient.ensureQueryData(meQuery);
    } catch (error) {
      if (isApiError(error, 'unauthorized')) {
        throw redirect({ to: '/login', search: { next: location.href === '/' ? undefined : location.href } });
      }
      throw error;
    }
  },
  component: Root,
});

function Root() {
  const path = useRouterState({ select: (s) => s.location.pathname });
  if (publicPages.includes(path)) return <Outlet />;
  return (
    <Shell>
      <Outlet />
    </Shell>
  );
}
