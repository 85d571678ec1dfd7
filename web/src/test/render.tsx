import { MantineProvider } from '@mantine/core';
import { Notifications } from '@mantine/notifications';
import { QueryClientProvider } from '@tanstack/react-query';
import { createMemoryHistory, RouterProvider } from '@tanstack/react-router';
import { render } from '@testing-library/react';
import type { ReactNode } from 'react';
import { vi } from 'vitest';
import { newQueryClient } from '~/lib/query';
import { newRouter } from '~/router';
import { theme } from '~/theme';

type Answer = { status?: number; body: unknown };
/** Answers by "METHOD /path"; the query is not part of it. */
export type Answers = Record<string, Answer | ((url: URL, body: unknown) => Answer)>;

/** Replaces fetch by fixed answers and returns the calls that were made. */
export function fakeServer(answers: Answers): { method: string; url: URL; body: unknown }[] {
  const calls: { method: string; url: URL; body: unknown }[] = [];
  vi.stubGlobal('fetch', async (input: string, init?: RequestInit) => {
    const url = new URL(input, 'http://portal.test');
    const method = init?.method ?? 'GET';
    const body: unknown = typeof init?.body === 'string' ? JSON.parse(init.body) : undefined;
    calls.push({ method, url, body });
    const found = answers[`${method} ${url.pathname}`];
    const answer = typeof found === 'function' ? found(url, body) : found;
    const { status = 200, body: content } = answer ?? {
      status: 404,
      body: { ok: false, error: 'not_found', message: `No answer for ${method} ${url.pathname}` },
    };
    return new Response(JSON.stringify(content), { status });
  });
  return calls;
}

/** What every page asks for, for a developer of the team payments. */
export const signedIn: Answers = {
  'GET /v1/me': {
    body: {
      ok: true,
      user: {
        id: 'u1',
        email: 'dana@example.test',
        name: 'Dana Levi',
        roles: ['developer'],
        teams: ['payments'],
      },
      version: '1',
      demo: false,
      setupNeeded: false,
    },
  },
  'GET /v1/home': {
    body: {
      ok: true,
      myServices: [],
      myRuns: [],
      waiting: { pullRequests: [], runs: [], approvals: [] },
      changes: [],
      recent: [],
    },
  },
  'GET /v1/runs': { body: { ok: true, runs: [] } },
  'GET /v1/actions': { body: { ok: true, actions: [] } },
};

/** Shows something with the theme and a cache, without pages. */
export function show(node: ReactNode) {
  return render(
    <MantineProvider theme={theme} env="test">
      <QueryClientProvider client={newQueryClient()}>
        <Notifications />
        {node}
      </QueryClientProvider>
    </MantineProvider>,
  );
}

/** Opens the whole UI at an address. */
export function open(address: string) {
  const queryClient = newQueryClient();
  const history = createMemoryHistory({ initialEntries: [address] });
  const router = newRouter(queryClient, history);
  const view = render(
    <MantineProvider theme={theme} env="test">
      <QueryClientProvider client={queryClient}>
        <Notifications />
        <RouterProvider router={router} />
      </QueryClientProvider>
    </MantineProvider>,
  );
  return { ...view, router, history, queryClient };
}
