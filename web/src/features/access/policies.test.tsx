import { screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { ta } from '~/strings/access';
import { fakeServer, open, signedIn, type Answers } from '~/test/render';

class SilentEvents {
  addEventListener() {}
  close() {}
}

const change = (author: string) => ({
  id: 'c1',
  base: 1,
  version: 0,
  state: 'open',
  policies: 'permit (principal, action, resource);\nforbid (principal, action, resource);',
  before: 'permit (principal, action, resource);',
  cases: '',
  reason: 'freeze',
  author,
  authorName: 'Gil',
  createdAt: '2026-11-01T00:00:00Z',
  alone: false,
  impact: { considered: 10, denied: 2, allowed: 0, changes: [] },
});

function answers(author: string): Answers {
  const me = (signedIn['GET /v1/me'] as { body: { user: object } }).body;
  return {
    ...signedIn,
    'GET /v1/me': { body: { ...me, user: { ...me.user, roles: ['administrator'] } } },
    'GET /v1/access/policies': {
      body: {
        ok: true,
        set: { version: 1, policies: '', cases: '' },
        list: [],
        waiting: [change(author)],
        alone: false,
      },
    },
    'GET /v1/access/policies/changes': { body: { ok: true, changes: [] } },
    'GET /v1/access/policies/changes/c1': { body: { ok: true, change: change(author) } },
    'POST /v1/access/policies/changes/c1/confirm': { body: { ok: true, change: change(author) } },
    'POST /v1/access/policies/changes/c1/reject': { body: { ok: true, change: change(author) } },
    'GET /v1/access/who': {
      body: {
        ok: true,
        people: [
          { id: 'u2', name: 'Yael', roles: ['developer'], teams: [], rule: 'everybody-reads' },
          {
            id: 's1',
            name: 'Bot',
            roles: ['developer'],
            teams: [],
            rule: 'everybody-reads',
            kind: 'service',
          },
        ],
        total: 2,
        asked: 2,
      },
    },
  };
}

describe('policies', () => {
  beforeEach(() => {
    vi.stubGlobal('EventSource', SilentEvents);
    Object.defineProperty(document, 'fonts', { configurable: true, value: new EventTarget() });
  });

  it('a change by somebody else is read line by line and confirmed after a question', async () => {
    const calls = fakeServer(answers('u9'));
    open('/policies');
    await userEvent.click(await screen.findByRole('button', { name: 'Look at it: freeze' }));
    const dialog = await screen.findByRole('dialog');
    expect(await within(dialog).findByText('+ forbid (principal, action, resource);')).toBeInTheDocument();
    await userEvent.click(within(dialog).getByRole('button', { name: 'Confirm' }));
    expect(calls.some((call) => call.method === 'POST')).toBe(false);
    const question = await screen.findByRole('dialog', { name: ta.confirmTitle });
    await userEvent.click(within(question).getByRole('button', { name: 'Confirm' }));
    await waitFor(() =>
      expect(calls.some((call) => call.method === 'POST' && call.url.pathname.endsWith('/confirm'))).toBe(
        true,
      ),
    );
  });

  it('a change of my own is not mine to confirm, but to withdraw', async () => {
    const calls = fakeServer(answers('u1'));
    open('/policies');
    await userEvent.click(await screen.findByRole('button', { name: 'Look at it: freeze' }));
    const dialog = await screen.findByRole('dialog');
    await userEvent.click(await within(dialog).findByRole('button', { name: 'Withdraw' }));
    expect(within(dialog).queryByRole('button', { name: 'Confirm' })).toBeNull();
    await waitFor(() => expect(calls.some((call) => call.url.pathname.endsWith('/reject'))).toBe(true));
  });

  it('machines are not offered to look at the portal as', async () => {
    fakeServer(answers('u1'));
    open('/policies');
    await userEvent.click(await screen.findByRole('combobox', { name: 'Person' }));
    expect(await screen.findByRole('option', { name: 'Yael' })).toBeInTheDocument();
    expect(screen.queryByRole('option', { name: 'Bot' })).toBeNull();
  });
});
