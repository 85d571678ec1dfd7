import { screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { beforeEach, expect, it, vi } from 'vitest';
import { fakeServer, open, signedIn, type Answers } from '~/test/render';

class SilentEvents {
  addEventListener() {}
  close() {}
}

const action = {
  identifier: 'make',
  title: 'Make a thing',
  description: 'Makes it.',
  icon: '',
  group: 'Things',
  roles: [],
  allowed: true,
  input: {
    type: 'object',
    additionalProperties: false,
    properties: { name: { type: 'string', title: 'Name' } },
    required: ['name'],
    'x-order': ['name'],
  },
};
const plan = (id: string, summary: string) => ({
  id,
  action: 'make',
  title: 'Make x',
  input: { name: 'x' },
  createdAt: '2026-11-23T10:00:00Z',
  expiresAt: '2026-11-24T10:00:00Z',
  plan: {
    summary,
    repositories: [],
    pullRequests: [],
    calls: [],
    catalog: [],
    processes: [],
    objects: [],
    approvals: [],
    steps: [{ name: 'make', title: 'Make it' }],
    warnings: [],
    locks: [],
    facts: {},
    entities: [],
    digest: id,
  },
});
const run = {
  id: 'r1',
  action: 'make',
  title: 'Make x',
  state: 'succeeded',
  input: { name: 'x' },
  entities: ['Component/x'],
  actor: { id: 'u1', name: 'Dana Levi', email: '', roles: [], teams: [] },
  undoing: false,
  cancelRequested: false,
  createdAt: '2026-11-23T10:00:00Z',
  endedAt: '2026-11-23T10:00:04Z',
  steps: [],
  changes: [],
  can: { cancel: false, retry: false, undo: true },
  stepsDone: 1,
  stepsTotal: 1,
};
const answers: Answers = {
  ...signedIn,
  'GET /v1/actions': { body: { ok: true, actions: [action] } },
  'GET /v1/teams': { body: { ok: true, teams: [] } },
  'POST /v1/actions/make/plans': { status: 201, body: { ok: true, plan: plan('p1', 'Make x once.') } },
  'GET /v1/plans/p1': { body: { ok: true, plan: plan('p1', 'Make x once.') } },
  'GET /v1/plans/p2': { body: { ok: true, plan: plan('p2', 'Make x twice.') } },
  'GET /v1/runs/r1': { body: { ok: true, run } },
};

beforeEach(() => {
  localStorage.clear();
  vi.stubGlobal('EventSource', SilentEvents);
});

it('goes from answers over the plan to the run without leaving', async () => {
  const calls = fakeServer({
    ...answers,
    'POST /v1/actions/make/runs': { status: 202, body: { ok: true, run } },
  });
  const { router } = open('/create/make');
  await userEvent.type(await screen.findByLabelText(/Name/), 'x');
  await userEvent.click(screen.getByRole('button', { name: 'Show the plan' }));
  expect(await screen.findByText('Make x once.')).toBeInTheDocument();
  expect(router.state.location.search).toMatchObject({ step: 'plan', plan: 'p1' });
  expect(calls.some((call) => call.url.pathname.endsWith('/runs') && call.method === 'POST')).toBe(false);
  await userEvent.click(screen.getByRole('button', { name: 'Make a thing' }));
  expect(await screen.findByText('What next')).toBeInTheDocument();
  expect(router.state.location.search).toMatchObject({ step: 'run', run: 'r1' });
  expect(localStorage).toHaveLength(0);
});

it('shows what the server finds wrong beside the field', async () => {
  fakeServer({
    ...answers,
    'POST /v1/actions/make/plans': {
      status: 422,
      body: {
        ok: false,
        error: 'validation_error',
        message: 'name is taken',
        details: [{ field: 'name', problem: 'is taken', expected: 'another name' }],
      },
    },
  });
  open('/create/make?name=x');
  await userEvent.click(await screen.findByRole('button', { name: 'Show the plan' }));
  expect(await screen.findByText('Is taken. Expected: another name')).toBeInTheDocument();
  await waitFor(() => expect(screen.getByLabelText(/Name/)).toHaveFocus());
});

it('shows what changed and the new plan when the world moved on', async () => {
  fakeServer({
    ...answers,
    'POST /v1/actions/make/runs': {
      status: 409,
      body: {
        ok: false,
        error: 'plan_changed',
        message: 'The world changed.',
        data: {
          differences: [{ section: 'summary', name: 'plan', before: 'Make x once.', after: 'Make x twice.' }],
          plan: plan('p2', 'Make x twice.'),
        },
      },
    },
  });
  const { router } = open('/create/make?step=plan&plan=p1');
  await userEvent.click(await screen.findByRole('button', { name: 'Make a thing' }));
  expect(await screen.findByText('Make x once. → Make x twice.')).toBeInTheDocument();
  expect(screen.getByText('Make x twice.')).toBeInTheDocument();
  expect(router.state.location.search).toMatchObject({ plan: 'p2' });
});

it('says why an action is refused, instead of hiding it', async () => {
  const refused = { ...action, allowed: false, reason: 'Only infrastructure may make things.' };
  fakeServer({ ...answers, 'GET /v1/actions': { body: { ok: true, actions: [refused] } } });
  open('/create');
  expect(await screen.findByText('Only infrastructure may make things.')).toBeInTheDocument();
  expect(screen.queryByRole('link', { name: /Make a thing/ })).toBeNull();
});
