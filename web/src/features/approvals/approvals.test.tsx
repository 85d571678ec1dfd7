import { screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { fakeServer, open, signedIn, type Answers } from '~/test/render';

class SilentEvents {
  addEventListener() {}
  close() {}
}

const request = {
  id: 'p1',
  kind: 'flag',
  action: 'change_flag',
  title: 'cart.express in prod',
  state: 'open',
  requester: { id: 'u2', name: 'Yael' },
  createdAt: '2026-11-01T00:00:00Z',
  escalated: false,
  asks: [
    {
      rule: 'Changes of flags',
      why: 'more than 25 % needs a second person',
      groups: [{ need: 1, have: 0, who: ['team payments'] }],
    },
  ],
  decisions: [],
  link: '/flags/cart/cart.express',
};
const detail = {
  ...request,
  digest: '',
  input: {},
  canDecide: true,
  canWithdraw: false,
  why: 'launch',
  project: 'cart',
  changes: [
    {
      name: 'cart.express.json',
      words: ['turned on'],
      before: '{\n  "on": false\n}',
      after: '{\n  "on": true\n}',
    },
  ],
  earlier: [],
};
const answers = (one: object): Answers => ({
  ...signedIn,
  'GET /v1/approvals': { body: { ok: true, approvals: [{ ...request, ...one }] } },
  'GET /v1/approvals/p1': { body: { ok: true, approval: { ...detail, ...one } } },
  'GET /v1/approval-delegations': { body: { ok: true, delegations: [] } },
  'GET /v1/insights/approvals': {
    body: {
      ok: true,
      times: { decided: 0, open: 1, medianMillis: 0, longMillis: 0, oldestMillis: 0, actions: [] },
    },
  },
  'POST /v1/flag-projects/cart/proposals/p1/decision': { body: { ok: true, proposal: {} } },
  'DELETE /v1/flag-projects/cart/proposals/p1': { body: { ok: true, proposal: {} } },
  'POST /v1/access/policies/changes/p1/confirm': { body: { ok: true, change: {} } },
  'POST /v1/access/policies/changes/p1/reject': { body: { ok: true, change: {} } },
  'POST /v1/runs/r1/approval': { body: { ok: true, run: {} } },
});

describe('approvals', () => {
  beforeEach(() => {
    vi.stubGlobal('EventSource', SilentEvents);
    Object.defineProperty(document, 'fonts', { configurable: true, value: new EventTarget() });
  });

  it('list what is not a run beside runs, with its kind and how many wait', async () => {
    fakeServer(answers({}));
    open('/approvals');
    expect(await screen.findByRole('link', { name: 'cart.express in prod' })).toHaveAttribute(
      'href',
      '/approvals/p1',
    );
    expect(screen.getByText('Flag')).toBeInTheDocument();
    expect(screen.getByText('Waiting for me (1)')).toBeInTheDocument();
  });

  it('show the whole difference and send the decision to where the change is kept', async () => {
    const calls = fakeServer(answers({}));
    open('/approvals/p1');
    expect(await screen.findByText('turned on')).toBeInTheDocument();
    await waitFor(() => expect(document.body).toHaveTextContent('"on": true'));
    expect(screen.getByText('launch')).toBeInTheDocument();
    expect(screen.getByRole('link', { name: 'Open the flag' })).toHaveAttribute(
      'href',
      '/flags/cart/cart.express',
    );
    await userEvent.type(screen.getByLabelText('Comment'), 'fine');
    await userEvent.click(screen.getByRole('button', { name: 'Approve' }));
    await waitFor(() =>
      expect(calls.find((call) => call.method === 'POST')).toMatchObject({
        url: { pathname: '/v1/flag-projects/cart/proposals/p1/decision' },
        body: { approve: true, comment: 'fine' },
      }),
    );
  });

  it.each([
    ['Approve', '/v1/access/policies/changes/p1/confirm'],
    ['Decline', '/v1/access/policies/changes/p1/reject'],
  ])('%s on policies goes to %s', async (button, path) => {
    const calls = fakeServer(answers({ kind: 'policy', link: '/policies' }));
    open('/approvals/p1');
    await userEvent.click(await screen.findByRole('button', { name: button }));
    await waitFor(() => expect(calls.find((call) => call.method === 'POST')?.url.pathname).toBe(path));
  });

  it('bind the decision on a run to what was shown', async () => {
    const calls = fakeServer(
      answers({ kind: 'run', runId: 'r1', digest: 'd1', link: '/runs/r1', changes: [] }),
    );
    open('/approvals/p1');
    await userEvent.click(await screen.findByRole('button', { name: 'Approve' }));
    await waitFor(() =>
      expect(calls.find((call) => call.method === 'POST')).toMatchObject({
        url: { pathname: '/v1/runs/r1/approval' },
        body: { approve: true, digest: 'd1' },
      }),
    );
  });

  it('say why somebody cannot decide, and let the author withdraw', async () => {
    const calls = fakeServer(answers({ canDecide: false, canWithdraw: true, reason: 'You asked for this.' }));
    open('/approvals/p1');
    const section = (await screen.findByText('You asked for this.')).parentElement!;
    expect(screen.queryByRole('button', { name: 'Approve' })).toBeNull();
    await userEvent.click(within(section).getByRole('button', { name: 'Withdraw' }));
    await waitFor(() => expect(calls.some((call) => call.method === 'DELETE')).toBe(true));
  });
});
