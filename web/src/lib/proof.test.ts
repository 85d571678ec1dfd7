import { afterEach, describe, expect, it, vi } from 'vitest';
import { call } from '~/api/client';
import { askToSignIn, pendingProof } from './proof';

const answer = (status: number, body: unknown) =>
  new Response(JSON.stringify(body), { status, headers: { 'Content-Type': 'application/json' } });
const ended = () => answer(401, { ok: false, error: 'unauthorized', message: 'Sign in.' });
const stale = () =>
  answer(403, {
    ok: false,
    error: 'forbidden',
    message: 'Too old.',
    rule: 'fresh-sign-in',
    data: { freshSignIn: true },
  });

afterEach(() => vi.unstubAllGlobals());

describe('a call whose session has ended', () => {
  it('waits for one dialog and is made again', async () => {
    const stop = pendingProof.subscribe(() => {});
    let signedIn = false;
    vi.stubGlobal(
      'fetch',
      vi.fn(async () => (signedIn ? answer(200, { ok: true, n: 1 }) : ended())),
    );
    const both = Promise.all([call('GET', '/v1/a'), call('POST', '/v1/b', {}, { kept: 1 })]);
    await vi.waitFor(() => expect(pendingProof.get()?.reason).toBe('ended'));
    signedIn = true;
    pendingProof.get()!.done(true);
    expect(await both).toEqual([
      { ok: true, n: 1 },
      { ok: true, n: 1 },
    ]);
    expect(pendingProof.get()).toBeUndefined();
    stop();
  });

  it('fails when the person leaves, and where no page can ask', async () => {
    vi.stubGlobal(
      'fetch',
      vi.fn(async () => ended()),
    );
    await expect(call('GET', '/v1/a')).rejects.toMatchObject({ status: 401 });
    const stop = pendingProof.subscribe(() => {});
    const failing = call('GET', '/v1/a');
    await vi.waitFor(() => expect(pendingProof.get()).toBeDefined());
    pendingProof.get()!.done(false);
    await expect(failing).rejects.toMatchObject({ status: 401 });
    stop();
    expect(await askToSignIn('ended')).toBe(false);
  });

  it('asks for a fresh sign-in, but never for a wrong password', async () => {
    const stop = pendingProof.subscribe(() => {});
    vi.stubGlobal(
      'fetch',
      vi.fn(async () => ended()),
    );
    await expect(call('POST', '/v1/auth/login', {}, {})).rejects.toMatchObject({ status: 401 });
    let times = 0;
    vi.stubGlobal(
      'fetch',
      vi.fn(async () => (++times === 1 ? stale() : answer(200, { ok: true }))),
    );
    const changing = call('PATCH', '/v1/people/1', {}, {});
    await vi.waitFor(() => expect(pendingProof.get()?.reason).toBe('fresh'));
    pendingProof.get()!.done(true);
    expect(await changing).toEqual({ ok: true });
    stop();
  });
});
