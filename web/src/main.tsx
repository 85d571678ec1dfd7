import '@fontsource-variable/inter/wght.css';
import '@fontsource-variable/jetbrains-mono/wght.css';
import './mantineStyles';
import './global.css';
import { MantineProvider } from '@mantine/core';
import { QueryClientProvider } from '@tanstack/react-query';
import { RouterContextProvider, RouterProvider } from '@tanstack/react-router';
import { lazy, StrictMode, Suspense } from 'react';
import { createRoot } from 'react-dom/client';
import { nonce } from './lib/nonce';
import { newQueryClient } from './lib/query';
import { watchForNewVersion } from './lib/version';
import { newRouter } from './router';
import { cssVariables, theme } from './theme';

const Toasts = lazy(() => import('./ui/Toasts').then((module) => ({ default: module.Toasts })));

const queryClient = newQueryClient(() => {
  // The root route asks who is signed in, finds nobody, and goes to sign-in.
  queryClient.removeQueries({ queryKey: ['me'] });
  void router.invalidate();
});
const router = newRouter(queryClient);
watchForNewVersion();

createRoot(document.getElementById('root')!).render(
  <StrictMode>
    <MantineProvider
      theme={theme}
      cssVariablesResolver={cssVariables}
      defaultColorScheme="auto"
      getStyleNonce={() => nonce}
    >
      <QueryClientProvider client={queryClient}>
        <RouterContextProvider router={router}>
          <Suspense>
            <Toasts />
          </Suspense>
        </RouterContextProvider>
        <RouterProvider router={router} />
      </QueryClientProvider>
    </MantineProvider>
  </StrictMode>,
);
