import { screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { fakeServer, open, signedIn, type Answers } from '~/test/render';

const blueprint = {
  identifier: 'Component',
  title: 'Component',
  schema: { properties: { type: { type: 'string', enum: ['service', 'library'] } }, required: [] },
  relations: {},
  entityCount: 2,
  createdAt: '2026-11-01T00:00:00Z',
  updatedAt: '2026-11-01T00:00:00Z',
  createdBy: '',
  updatedBy: '',
};
const entity = (identifier: string) => ({
  identifier,
  title: identifier,
  blueprint: 'Component',
  team: [],
  properties: { type: 'service' },
  relations: {},
  createdAt: '2026-11-01T00:00:00Z',
  updatedAt: '2026-11-01T00:00:00Z',
  createdBy: '',
  updatedBy: '',
});

const answers: Answers = {
  ...signedIn,
  'GET /v1/blueprints/Component': { body: { ok: true, blueprint } },
  'GET /v1/views': { body: { ok: true, views: [] } },
  'POST /v1/blueprints/Component/entities/search': (_, body) => {
    const all = ['cart', 'checkout'].filter((id) => id.includes((body as { text?: string }).text ?? ''));
    return { body: { ok: true, entities: all.map(entity), total: all.length } };
  },
};

class SilentSource {
  static CLOSED = 2;
  addEventListener() {}
  close() {}
}

beforeEach(() => {
  vi.stubGlobal('EventSource', SilentSource);
});

describe('catalog list', () => {
  it('asks the server for what the address says', async () => {
    const calls = fakeServer(answers);
    const filter = encodeURIComponent(
      JSON.stringify([{ property: 'type', operator: '=', value: 'service' }]),
    );
    open(`/catalog/Component?q=check&sort=-%24title&filter=${filter}`);
    expect(await screen.findByRole('link', { name: 'checkout' })).toBeInTheDocument();
    const search = calls.find((call) => call.url.pathname.endsWith('/search'));
    expect(search?.body).toMatchObject({
      text: 'check',
      sort: '$title',
      desc: true,
      query: {
        combinator: 'and',
        rules: [{ property: 'type', operator: '=', value: 'service' }],
      },
    });
    expect(screen.getByLabelText('Filter component')).toHaveValue('check');
    expect(screen.getByText('1 entity')).toBeInTheDocument();
  });

  it('writes what is typed into the address and clears it again', async () => {
    fakeServer(answers);
    const { router } = open('/catalog/Component');
    await screen.findByRole('link', { name: 'cart' });
    await userEvent.type(screen.getByLabelText('Filter component'), 'zzz');
    await waitFor(() => expect(router.state.location.search).toMatchObject({ q: 'zzz' }));
    await userEvent.click(
      await screen.findAllByRole('button', { name: 'Clear filters' }).then(([first]) => first!),
    );
    await waitFor(() => expect(router.state.location.search).not.toHaveProperty('q', 'zzz'));
    expect(await screen.findByRole('link', { name: 'cart' })).toBeInTheDocument();
    expect(screen.getByLabelText('Filter component')).toHaveValue('');
  });

  it('offers the same rows as a file', async () => {
    fakeServer(answers);
    open('/catalog/Component?q=cart');
    await userEvent.click(await screen.findByRole('button', { name: 'Export' }));
    const csv = await screen.findByRole('menuitem', { name: /CSV/ });
    expect(csv.getAttribute('href')).toContain('/v1/blueprints/Component/entities.csv?q=cart');
    const json = screen.getByRole('menuitem', { name: /JSON/ });
    expect(json.getAttribute('href')).toBe('/v1/blueprints/Component/entities.json?q=cart');
  });

  it('says that a blueprint does not exist, and offers ways on', async () => {
    fakeServer(signedIn);
    open('/catalog/Nothing');
    expect(await screen.findByText('There is nothing here')).toBeInTheDocument();
    expect(screen.getByRole('link', { name: 'Go to home' })).toBeInTheDocument();
  });
});

describe('sign-in', () => {
  it('comes first and remembers the page that was asked for', async () => {
    fakeServer({
      'GET /v1/me': { status: 401, body: { ok: false, error: 'unauthorized', message: 'Sign in.' } },
      'GET /v1/status': {
        body: { ok: true, version: '1', demo: false, setupNeeded: false, providers: [], passwords: true },
      },
    });
    const { router } = open('/catalog/Component?q=cart');
    expect(await screen.findByRole('heading', { name: 'Sign in to Sphera' })).toBeInTheDocument();
    expect(router.state.location.search).toEqual({ next: '/catalog/Component?q=cart' });
  });

  it('fills in the email of a demo person, but never the password', async () => {
    fakeServer({
      'GET /v1/status': {
        body: {
          ok: true,
          version: '1',
          demo: true,
          setupNeeded: false,
          providers: [],
          passwords: true,
          demoUsers: [{ email: 'ido@example.test', name: 'Ido Cohen', roles: ['infrastructure'] }],
        },
      },
    });
    open('/login');
    await userEvent.click(await screen.findByRole('button', { name: /Ido Cohen/ }));
    expect(screen.getByLabelText('Email')).toHaveValue('ido@example.test');
    expect(screen.getByLabelText('Password')).toHaveValue('');
    expect(screen.getByLabelText('Password')).toHaveFocus();
  });

  it('says why a sign-in was refused', async () => {
    fakeServer({
      'GET /v1/status': {
        body: { ok: true, version: '1', demo: false, setupNeeded: false, providers: [], passwords: true },
      },
      'POST /v1/auth/login': {
        status: 401,
        body: { ok: false, error: 'unauthorized', message: 'Email or password is wrong.' },
      },
    });
    open('/login');
    await userEvent.type(await screen.findByLabelText('Email'), 'a@example.test');
    await userEvent.type(screen.getByLabelText('Password'), 'wrong');
    await userEvent.click(screen.getByRole('button', { name: 'Sign in' }));
    expect(await screen.findByRole('alert')).toHaveTextContent('Email or password is wrong.');
  });
});
