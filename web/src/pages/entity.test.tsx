import { screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { fakeServer, open, signedIn, type Answers } from '~/test/render';

const at = '2026-11-01T00:00:00Z';
const blueprint = {
  identifier: 'Component',
  title: 'Component',
  schema: { properties: { type: { type: 'string', enum: ['service', 'library'] } }, required: [] },
  relations: { system: { target: 'System', required: false, many: false } },
  entityCount: 1,
  createdAt: at,
  updatedAt: at,
  createdBy: '',
  updatedBy: '',
};
const entity = {
  identifier: 'checkout',
  title: 'Checkout',
  blueprint: 'Component',
  team: ['payments'],
  properties: { type: 'service' },
  relations: { system: 'cart' },
  scorecards: {},
  createdAt: at,
  updatedAt: at,
  createdBy: '',
  updatedBy: '',
};
const action = (identifier: string, title: string, allowed: boolean) => ({
  identifier,
  title,
  description: '',
  icon: 'rocket',
  group: '',
  blueprint: 'Component',
  roles: [],
  input: { type: 'object', properties: {}, required: [] },
  allowed,
  reason: allowed ? undefined : 'Deploys are locked by Noa until 14:00.',
});
const node = (id: string, title: string, depth: number) => {
  const [bp, identifier] = id.split('/');
  return { id, blueprint: bp, identifier, title, depth };
};

const answers: Answers = {
  ...signedIn,
  'GET /v1/actions': {
    body: {
      ok: true,
      actions: [action('deploy_service', 'Deploy a version', true), action('retire', 'Retire', false)],
    },
  },
  'GET /v1/blueprints/Component': { body: { ok: true, blueprint } },
  'GET /v1/blueprints/Component/entities/checkout': { body: { ok: true, entity } },
  'GET /v1/blueprints/Component/entities/checkout/graph': {
    body: {
      ok: true,
      graph: {
        nodes: [
          node('Component/checkout', 'Checkout', 0),
          node('System/cart', 'Cart', 1),
          node('Component/web', 'Web', 1),
        ],
        edges: [
          { from: 'Component/checkout', to: 'System/cart', relation: 'system' },
          { from: 'Component/web', to: 'Component/checkout', relation: 'components' },
        ],
        more: {},
      },
    },
  },
  'GET /v1/services/checkout/instances': {
    body: {
      ok: true,
      instances: [
        {
          service: 'checkout',
          environment: 'dev-eu-west-1',
          version: '0123456789abcdef0123456789abcdef01234567',
          state: 'ready',
          address: '/run/dev-eu-west-1/checkout/',
          port: 1,
          pid: 1,
          restarts: 0,
        },
      ],
    },
  },
  'GET /v1/services/checkout/checks': {
    body: {
      ok: true,
      checks: [
        { identifier: 'repository', title: 'Repository', ok: true, found: 'checkout' },
        {
          identifier: 'ci',
          title: 'CI configuration',
          ok: false,
          found: 'no file services/checkout.yaml',
          expected: 'the file',
          fix: 'fix_service',
        },
      ],
    },
  },
  'GET /v1/blueprints/Component/entities/checkout/timeline': {
    status: 403,
    body: {
      ok: false,
      error: 'forbidden',
      message: 'no',
      reason: 'Only managers read the audit log.',
      contact: 'Noa',
    },
  },
};

class SilentSource {
  static CLOSED = 2;
  addEventListener() {}
  close() {}
}
beforeEach(() => {
  vi.stubGlobal('EventSource', SilentSource);
  localStorage.clear();
});

describe('entity page', () => {
  it('answers where it runs, what it is related to and who uses it', async () => {
    fakeServer(answers);
    open('/e/Component/checkout');
    expect(await screen.findByRole('heading', { name: 'Checkout' })).toBeInTheDocument();
    expect(await screen.findByRole('link', { name: 'Open /run/dev-eu-west-1/checkout/' })).toHaveAttribute(
      'href',
      '/run/dev-eu-west-1/checkout/',
    );
    expect(await screen.findByRole('link', { name: 'Cart' })).toHaveAttribute('href', '/e/System/cart');
    expect(await screen.findByRole('link', { name: 'Web' })).toHaveAttribute('href', '/e/Component/web');
    expect(await screen.findByText('1 of 2 in order')).toBeInTheDocument();
  });

  it('starts an action with the entity filled in, and says why one is not allowed', async () => {
    fakeServer(answers);
    open('/e/Component/checkout');
    expect(await screen.findByRole('link', { name: 'Deploy' })).toHaveAttribute(
      'href',
      '/create/deploy_service?entity=checkout',
    );
    await userEvent.click(screen.getByRole('button', { name: 'Actions' }));
    const refused = await screen.findByRole('menuitem', { name: /Retire/ });
    expect(refused).toHaveAttribute('aria-disabled', 'true');
    expect(refused).toHaveTextContent('Deploys are locked by Noa until 14:00.');
  });

  it('never takes others along when it is removed', async () => {
    const hit = {
      blueprint: 'Component',
      identifier: 'web',
      title: 'Web',
      relation: 'components',
      required: false,
    };
    const calls = fakeServer({
      ...answers,
      'GET /v1/blueprints/Component/entities/checkout/dependents': { body: { ok: true, dependents: [hit] } },
      'DELETE /v1/blueprints/Component/entities/checkout': { body: { ok: true } },
    });
    open('/e/Component/checkout');
    await userEvent.click(await screen.findByRole('button', { name: 'Actions' }));
    await userEvent.click(await screen.findByRole('menuitem', { name: 'Remove from the catalog' }));
    const dialog = await screen.findByRole('dialog');
    expect(dialog).toHaveTextContent('What points to it stays');
    await userEvent.click(within(dialog).getByRole('button', { name: 'Remove from the catalog' }));
    await waitFor(() => expect(calls.some((call) => call.method === 'DELETE')).toBe(true));
    expect(calls.find((call) => call.method === 'DELETE')?.url.search).toBe('');
  });

  it('is not removed while something requires it', async () => {
    const hit = {
      blueprint: 'API',
      identifier: 'api',
      title: 'Checkout API',
      relation: 'provider',
      required: true,
    };
    fakeServer({
      ...answers,
      'GET /v1/blueprints/Component/entities/checkout/dependents': { body: { ok: true, dependents: [hit] } },
    });
    open('/e/Component/checkout');
    await userEvent.click(await screen.findByRole('button', { name: 'Actions' }));
    await userEvent.click(await screen.findByRole('menuitem', { name: 'Remove from the catalog' }));
    const dialog = await screen.findByRole('dialog');
    expect(dialog).toHaveTextContent('Checkout API (API)');
    expect(within(dialog).queryByRole('button', { name: 'Remove from the catalog' })).not.toBeInTheDocument();
  });

  it('puts what is missing first, with the action that mends it', async () => {
    fakeServer(answers);
    open('/e/Component/checkout?tab=checks');
    const fix = await screen.findByRole('link', { name: 'Mend' });
    expect(fix).toHaveAttribute('href', '/create/fix_service?entity=checkout');
    const panel = screen.getByRole('tabpanel');
    const text = panel.textContent ?? '';
    expect(text.indexOf('CI configuration')).toBeLessThan(text.indexOf('Repository'));
    expect(within(panel).getByText(/no file services\/checkout.yaml/)).toBeInTheDocument();
  });

  it('keeps the tab in the address and explains a refusal', async () => {
    fakeServer(answers);
    const { router } = open('/e/Component/checkout');
    await userEvent.click(await screen.findByRole('tab', { name: 'What changed' }));
    await waitFor(() => expect(router.state.location.search).toEqual({ tab: 'activity' }));
    expect(await screen.findByText('Only managers read the audit log.')).toBeInTheDocument();
    expect(screen.getByText('Noa')).toBeInTheDocument();
  });

  it('has the relations as a table too', async () => {
    fakeServer(answers);
    open('/e/Component/checkout?tab=relations&view=table');
    const table = await screen.findByRole('table', { name: 'Relations of Checkout' });
    expect(within(table).getAllByRole('row')).toHaveLength(3);
  });
});

describe('account', () => {
  it('shows a new token once and never again', async () => {
    fakeServer({
      ...signedIn,
      'GET /v1/tokens': { body: { ok: true, tokens: [] } },
      'GET /v1/sessions': { body: { ok: true, sessions: [] } },
      'POST /v1/tokens': { body: { ok: true, token: { id: 't', name: 'ci' }, value: 'spu_secret' } },
    });
    open('/account');
    await userEvent.type(await screen.findByLabelText('Name of the token'), 'ci');
    await userEvent.click(screen.getByRole('button', { name: 'Create token' }));
    expect(await screen.findByText('spu_secret')).toBeInTheDocument();
    await userEvent.click(screen.getByRole('button', { name: 'Done' }));
    expect(screen.queryByText('spu_secret')).not.toBeInTheDocument();
    expect(JSON.stringify({ ...localStorage, ...sessionStorage })).not.toContain('spu_secret');
  });
});

describe('import', () => {
  const report = {
    dryRun: true,
    blueprints: [{ file: 'resource.json', identifier: 'Resource', verb: 'create' }],
    scorecards: [],
    entities: [{ file: 'x.json', identifier: 'x', verb: 'refused' }],
    repairs: [
      { file: 'resource.json', line: 2, column: 3, problem: 'typographic quotes', done: 'made straight' },
    ],
    refusals: [{ file: 'x.json', line: 4, column: 5, problem: 'no blueprint', done: 'add one' }],
  };

  it('shows every finding with its place before anything is written', async () => {
    const calls = fakeServer({
      ...signedIn,
      'GET /v1/blueprints': { body: { ok: true, blueprints: [] } },
      'POST /v1/import': { body: { ok: true, report } },
    });
    const { container } = open('/import');
    await screen.findByRole('heading', { name: 'Import' });
    const input = container.querySelector<HTMLInputElement>('input[type=file]')!;
    await userEvent.upload(input, new File(['{}'], 'resource.json', { type: 'application/json' }));
    expect(await screen.findByText('resource.json:2:3')).toBeInTheDocument();
    expect(screen.getByText('x.json:4:5')).toBeInTheDocument();
    const imports = () => calls.filter((call) => call.url.pathname === '/v1/import');
    expect(imports().map((call) => call.url.search)).toEqual(['?dry_run=true']);
    await userEvent.click(screen.getByRole('button', { name: 'Import' }));
    await waitFor(() => expect(imports()).toHaveLength(2));
    expect(imports()[1]?.url.search).toBe('');
    expect(imports()[1]?.body).toEqual({ files: [{ name: 'resource.json', content: '{}' }] });
  });
});
