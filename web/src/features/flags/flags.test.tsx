import { screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { fakeServer, open, signedIn, type Answers } from '~/test/render';

class SilentSource {
  static readonly CLOSED = 2;
  addEventListener() {}
  close() {}
}
beforeEach(() => vi.stubGlobal('EventSource', SilentSource));

const variations = [
  { name: 'on', value: true },
  { name: 'off', value: false },
];

const environment = (name: string, kind: string, part: object = {}) => ({
  environment: name,
  kind,
  on: true,
  off: 'off',
  default: 'off',
  prerequisites: [],
  targets: [],
  rules: [],
  serve: {
    by: 'accountId',
    weights: [
      { variation: 'on', weight: 10_000 },
      { variation: 'off', weight: 90_000 },
    ],
  },
  schedule: [],
  version: 3,
  summary: '10 % of accounts get on, the rest off',
  shares: [
    { variation: 'on', weight: 10_000 },
    { variation: 'off', weight: 90_000 },
  ],
  updatedByName: 'Noa Bar',
  updatedAt: '2026-11-20T10:00:00Z',
  ...part,
});

const flag = (part: object = {}) => ({
  project: 'cart',
  service: 'cart',
  key: 'new-refund',
  title: 'Refund without a ticket',
  description: '',
  type: 'boolean',
  variations,
  kind: 'release',
  permanent: false,
  clientVisible: false,
  tags: [],
  salt: 'new-refund',
  version: 2,
  createdAt: '2026-11-01T10:00:00Z',
  createdBy: 'u1',
  updatedAt: '2026-11-01T10:00:00Z',
  stale: false,
  environments: [environment('staging', 'staging'), environment('production', 'production')],
  ...part,
});

const preview = (part: object = {}) => ({
  body: {
    ok: true,
    preview: {
      diff: ['Everybody else: 25 % of accounts get on'],
      summary: '25 % of accounts',
      population: {
        source: 'Account',
        attribute: 'accountId',
        known: 1240,
        changed: 186,
        before: [],
        after: [{ variation: 'on', count: 310 }],
      },
      samples: [{ name: 'Account 42', before: 'off', after: 'on', changed: true }],
      raise: 15_000,
      needsApproval: false,
      warnings: [],
      definition: {},
      ...part,
    },
  },
});

const base = '/v1/flag-projects/cart/flags/new-refund';

const answers = (part: Answers = {}): Answers => ({
  ...signedIn,
  'GET /v1/flags': { body: { ok: true, flags: [flag()] } },
  'GET /v1/flag-projects': { body: { ok: true, projects: [{ key: 'cart', service: 'cart' }] } },
  'GET /v1/flag-projects/cart': { body: { ok: true, settings: { samples: [] } } },
  'GET /v1/flag-projects/cart/flags': { body: { ok: true, flags: [flag()] } },
  'GET /v1/flag-projects/cart/segments': { body: { ok: true, segments: [] } },
  'GET /v1/flag-projects/cart/usage': {
    body: {
      ok: true,
      flags: [{ flag: 'new-refund', environment: 'production', count: 1_200_000, hours: [1, 2, 3] }],
    },
  },
  'GET /v1/teams': { body: { ok: true, teams: [] } },
  'GET /v1/views': { body: { ok: true, views: [] } },
  [`GET ${base}`]: { body: { ok: true, flag: flag() } },
  [`POST ${base}/environments/staging/preview`]: preview(),
  [`POST ${base}/environments/production/preview`]: preview(),
  ...part,
});

const saved = (changes: object, env = 'staging'): Answers[string] => ({
  body: {
    ok: true,
    flag: flag({
      environments: [
        environment('staging', 'staging', env === 'staging' ? { ...changes, version: 4 } : {}),
        environment('production', 'production', env === 'production' ? { ...changes, version: 4 } : {}),
      ],
    }),
  },
});

describe('the list of flags', () => {
  it('turns a flag off at once where nobody is hurt, and offers to undo it', async () => {
    const calls = fakeServer(answers({ [`PUT ${base}/environments/staging`]: saved({ on: false }) }));
    open('/flags');
    await userEvent.click(await screen.findByRole('switch', { name: 'new-refund on in staging' }));
    const put = () => calls.filter((call) => call.method === 'PUT');
    await waitFor(() => expect(put()).toHaveLength(1));
    expect(put()[0]!.body).toMatchObject({ on: false, version: 3 });
    await userEvent.click(await screen.findByRole('button', { name: 'Undo' }));
    await waitFor(() => expect(put()).toHaveLength(2));
    expect(put()[1]!.body).toMatchObject({ on: true, version: 4 });
  });

  it('asks why before production is touched', async () => {
    const calls = fakeServer(
      answers({ [`PUT ${base}/environments/production`]: saved({ on: false }, 'production') }),
    );
    open('/flags');
    await userEvent.click(await screen.findByRole('switch', { name: 'new-refund on in production' }));
    const dialog = await screen.findByRole('dialog');
    await userEvent.click(within(dialog).getByRole('button', { name: 'Turn off' }));
    expect(within(dialog).getByText(/Say why/)).toBeInTheDocument();
    expect(calls.some((call) => call.method === 'PUT')).toBe(false);
    await userEvent.type(within(dialog).getByRole('textbox', { name: /Reason/ }), 'Errors of INC-7');
    await userEvent.click(within(dialog).getByRole('button', { name: 'Turn off' }));
    await waitFor(() => expect(calls.some((call) => call.method === 'PUT')).toBe(true));
    expect(calls.find((call) => call.method === 'PUT')!.body).toMatchObject({
      reason: 'Errors of INC-7',
      on: false,
    });
  });

  it('kills with one confirmation and without a reason', async () => {
    const calls = fakeServer(
      answers({
        'GET /v1/flags': { body: { ok: true, flags: [flag({ kind: 'kill-switch' })] } },
        [`PUT ${base}/environments/production`]: saved({ on: false }, 'production'),
      }),
    );
    open('/flags');
    await userEvent.click(await screen.findByRole('switch', { name: 'new-refund on in production' }));
    await userEvent.click(await screen.findByRole('button', { name: 'Kill it now' }));
    await waitFor(() => expect(calls.some((call) => call.method === 'PUT')).toBe(true));
  });

  it('keeps its filters in the address and tells empty from filtered', async () => {
    const calls = fakeServer(answers({ 'GET /v1/flags': { body: { ok: true, flags: [] } } }));
    open('/flags?owner=payments&stale=true&kind=release');
    expect(await screen.findByText('Nothing matches these filters')).toBeInTheDocument();
    const asked = calls.find((call) => call.url.pathname === '/v1/flags')!.url.searchParams;
    expect(Object.fromEntries(asked)).toMatchObject({ owner: 'payments', stale: 'true', kind: 'release' });
  });

  it('says what flags are for when there are none', async () => {
    fakeServer(answers({ 'GET /v1/flags': { body: { ok: true, flags: [] } } }));
    open('/flags');
    expect(await screen.findByText('No flags yet')).toBeInTheDocument();
  });

  it('shows what a share is of and how often it was asked for', async () => {
    fakeServer(answers());
    open('/flags');
    await screen.findAllByText('10 % of accounts');
    expect(await screen.findByText('1.2M')).toBeInTheDocument();
  });
});

describe('the page of a flag', () => {
  it('reviews a change with its words, whom it touches and samples, then saves it', async () => {
    const calls = fakeServer(answers({ [`PUT ${base}/environments/staging`]: saved({}) }));
    open('/flags/cart/new-refund?env=staging');
    const share = await screen.findByRole('textbox', { name: 'Share of on, Everybody else, in percent' });
    await userEvent.clear(share);
    await userEvent.type(share, '25{Enter}');
    await screen.findByText('1 change in staging not saved.');
    await userEvent.click(screen.getByRole('button', { name: 'Review the change' }));
    const dialog = await screen.findByRole('dialog');
    await within(dialog).findByText('Everybody else: 25 % of accounts get on');
    within(dialog).getByText(/Of 1,240 known accounts about 310 on/);
    within(dialog).getByText(/About 186 of them get something else/);
    within(dialog).getByText('Account 42');
    await userEvent.click(within(dialog).getByRole('button', { name: 'Save' }));
    await waitFor(() => expect(calls.some((call) => call.method === 'PUT')).toBe(true));
    expect(calls.find((call) => call.method === 'PUT')!.body).toMatchObject({
      version: 3,
      serve: {
        by: 'accountId',
        weights: [
          { variation: 'on', weight: 25_000 },
          { variation: 'off', weight: 75_000 },
        ],
      },
    });
    await waitFor(() => expect(screen.queryByText(/not saved/)).not.toBeInTheDocument());
  });

  it('shows both sides when somebody saved meanwhile, and puts mine onto theirs', async () => {
    let version = 3;
    const now = () =>
      flag({
        environments: [
          environment(
            'staging',
            'staging',
            version === 3 ? {} : { version, off: 'on', updatedByName: 'Ido Katz' },
          ),
        ],
      });
    const puts: { version: number }[] = [];
    fakeServer(
      answers({
        [`GET ${base}`]: () => ({ body: { ok: true, flag: now() } }),
        [`PUT ${base}/environments/staging`]: (_, body) => {
          puts.push(body as { version: number });
          if ((body as { version: number }).version === 3) {
            version = 5;
            return { status: 409, body: { ok: false, error: 'conflict', message: 'It was changed.' } };
          }
          return { body: { ok: true, flag: now() } };
        },
      }),
    );
    open('/flags/cart/new-refund?env=staging');
    const share = await screen.findByRole('textbox', { name: 'Share of on, Everybody else, in percent' });
    await userEvent.clear(share);
    await userEvent.type(share, '25{Enter}');
    await userEvent.click(screen.getByRole('button', { name: 'Review the change' }));
    await userEvent.click(await screen.findByRole('button', { name: 'Save' }));
    await screen.findByText('Ido Katz saved version 5 after you began.');
    screen.getByText('While off: on, no longer off');
    await userEvent.click(screen.getByRole('button', { name: 'Put mine over theirs…' }));
    await userEvent.click(await screen.findByRole('button', { name: 'Save' }));
    await waitFor(() => expect(puts.map((put) => put.version)).toEqual([3, 5]));
    expect(puts[1]).not.toHaveProperty('off');
  });

  it('asks for a second person when the policy wants one', async () => {
    const calls = fakeServer(
      answers({
        [`POST ${base}/environments/production/preview`]: preview({
          needsApproval: true,
          why: 'A step of 15 % is more than 10 %.',
        }),
        [`PUT ${base}/environments/production`]: { body: { ok: true, flag: flag(), proposal: { id: 'p1' } } },
      }),
    );
    open('/flags/cart/new-refund?env=production');
    const share = await screen.findByRole('textbox', { name: 'Share of on, Everybody else, in percent' });
    await userEvent.clear(share);
    await userEvent.type(share, '25{Enter}');
    await userEvent.click(screen.getByRole('button', { name: 'Review the change' }));
    const dialog = await screen.findByRole('dialog');
    await within(dialog).findByText('A step of 15 % is more than 10 %.');
    await userEvent.type(within(dialog).getByRole('textbox', { name: /Reason/ }), 'Quiet so far');
    await userEvent.click(within(dialog).getByRole('button', { name: 'Ask for approval' }));
    await waitFor(() =>
      expect(calls.find((call) => call.method === 'PUT')?.body).toMatchObject({ propose: true }),
    );
  });

  it('moves rules by keyboard and says the guard in words', async () => {
    const rules = ['pro', 'team'].map((value) => ({
      id: value,
      name: value,
      conditions: [{ attribute: 'plan', operator: 'is', values: [value] }],
      serve: { variation: 'on' },
    }));
    fakeServer(
      answers({
        [`GET ${base}`]: {
          body: { ok: true, flag: flag({ environments: [environment('staging', 'staging', { rules })] }) },
        },
      }),
    );
    open('/flags/cart/new-refund');
    const handle = await screen.findByRole('button', { name: 'Move team' });
    handle.focus();
    await userEvent.keyboard('{ArrowUp}');
    await screen.findByText('team is now number 1 of 2');
    const order = within(screen.getByRole('list', { name: 'Rules' })).getAllByRole('article');
    expect(order.map((each) => each.getAttribute('aria-label'))).toEqual(['team', 'pro']);
    expect(screen.getAllByText('Without the account, one gets off.').length).toBeGreaterThan(0);
  });

  it('tells why a context gets what it gets', async () => {
    const calls = fakeServer(
      answers({
        'POST /v1/flag-projects/cart/evaluate': {
          body: {
            ok: true,
            at: '2026-11-20T10:00:00Z',
            outcomes: [
              {
                flag: 'new-refund',
                variation: 'on',
                value: true,
                reason: 'TARGETING_MATCH',
                path: [
                  { text: 'It is on in staging', depth: 0, outcome: 'true' },
                  { text: 'Falls among the 10 %', depth: 1, outcome: 'on', bucket: 5, of: 100 },
                ],
              },
            ],
          },
        },
      }),
    );
    open('/flags/cart/new-refund?tab=tester');
    await userEvent.type(await screen.findByRole('textbox', { name: 'Value 2' }), '42');
    await userEvent.click(screen.getByRole('button', { name: 'Evaluate' }));
    await screen.findByText('Gets on');
    screen.getByText('Falls among the 10 %');
    const asked = calls.find((call) => call.url.pathname.endsWith('/evaluate'))!.body;
    expect(asked).toMatchObject({ flag: 'new-refund', environment: 'staging', context: { accountId: '42' } });
  });

  it('says who can help when one may not see it', async () => {
    fakeServer(
      answers({
        [`GET ${base}`]: {
          status: 403,
          body: {
            ok: false,
            error: 'forbidden',
            message: 'No.',
            reason: 'It belongs to another team.',
            contact: 'payments',
          },
        },
      }),
    );
    open('/flags/cart/new-refund');
    expect(await screen.findByText('It belongs to another team.')).toBeInTheDocument();
    screen.getByText('payments');
  });
});

describe('keys', () => {
  it('shows a key once, with what a service needs', async () => {
    fakeServer(
      answers({
        'GET /v1/flag-projects/cart/keys': { body: { ok: true, keys: [] } },
        'POST /v1/flag-projects/cart/keys': {
          body: {
            ok: true,
            secret: 'spf_abc',
            key: { id: 'k1', kind: 'server', name: 'cart', environment: 'staging', hint: 'spf_abc' },
          },
        },
      }),
    );
    open('/flags/keys?project=cart');
    await userEvent.click((await screen.findAllByRole('button', { name: 'New key' }))[0]!);
    const dialog = await screen.findByRole('dialog');
    await userEvent.type(within(dialog).getByRole('textbox', { name: /Name/ }), 'cart');
    await userEvent.click(within(dialog).getByRole('button', { name: 'Make the key' }));
    await screen.findByText('spf_abc');
    expect(screen.getByText(/OFREP_ENDPOINT=.*\/flags\/staging/)).toBeInTheDocument();
    await userEvent.click(screen.getByRole('button', { name: 'I have copied it' }));
    await waitFor(() => expect(screen.queryByText('spf_abc')).not.toBeInTheDocument());
  });
});

describe('stale flags', () => {
  it('lists the evidence and what speaks against it, and never a verdict', async () => {
    fakeServer(
      answers({
        'GET /v1/flags/stale': {
          body: {
            ok: true,
            flags: [
              {
                project: 'cart',
                flag: 'old-banner',
                title: 'Old banner',
                kind: 'release',
                owner: 'payments',
                since: '2026-09-01T00:00:00Z',
                reasons: ['Everybody gets on since 1 September'],
                cautions: ['2 clients hold the rules and report nothing'],
                evaluated: [{ environment: 'production', subscribers: 2 }],
                references: [{ repository: 'cart', path: 'main.go', line: 12, text: 'x', sha: 'a' }],
                subscribers: 2,
                variation: 'on',
              },
            ],
          },
        },
      }),
    );
    open('/flags/stale');
    await screen.findByText('Everybody gets on since 1 September');
    screen.getByText('2 clients hold the rules and report nothing');
    screen.getByText('cart/main.go:12');
    expect(document.body.textContent).not.toMatch(/safe to (delete|remove)/i);
  });
});
