import { describe, expect, it, vi } from 'vitest';
import { api, url } from './client';
import { ApiError, isApiError, offlineCode } from './errors';

describe('url', () => {
  it('encodes path values, so that a repository in a group is one segment', () => {
    expect(
      url('/v1/repositories/{repo}/file', { path: { repo: 'group/name' }, query: { path: 'a b/c.go' } }),
    ).toBe('/v1/repositories/group%2Fname/file?path=a+b%2Fc.go');
  });

  it('leaves out what is not set', () => {
    expect(
      url('/v1/runs', { query: { state: undefined, actor: '', from: null, upsert: false, limit: 5 } }),
    ).toBe('/v1/runs?limit=5');
  });
});

function answer(status: number, body: string) {
  vi.stubGlobal('fetch', async () => new Response(body, { status }));
}

describe('api', () => {
  it('returns the answer of a success', async () => {
    answer(200, '{"ok":true,"runs":[]}');
    await expect(api.get('/v1/runs')).resolves.toEqual({ ok: true, runs: [] });
  });

  it('throws every part of the error envelope', async () => {
    answer(
      403,
      JSON.stringify({
        ok: false,
        error: 'forbidden',
        message: 'Only owners may do this.',
        requestId: 'req-1',
        rule: 'owner-only',
        reason: 'You are not in the team.',
        alternative: 'Ask the team.',
        contact: 'payments',
        data: { x: 1 },
      }),
    );
    const error = await api
      .post('/v1/auth/login', {}, { email: '', password: '' })
      .catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ApiError);
    expect(error).toMatchObject({
      status: 403,
      code: 'forbidden',
      message: 'Only owners may do this.',
      requestId: 'req-1',
      rule: 'owner-only',
      alternative: 'Ask the team.',
      contact: 'payments',
      data: { x: 1 },
    });
  });

  it('says that the portal does not answer when there is no connection', async () => {
    vi.stubGlobal('fetch', async () => {
      throw new TypeError('Failed to fetch');
    });
    const error = await api.get('/v1/me').catch((reason: unknown) => reason);
    expect(isApiError(error, offlineCode)).toBe(true);
  });

  it('does not show the page of a proxy as an error text', async () => {
    answer(502, '<html>Bad gateway</html>');
    const error = await api.get('/v1/me').catch((reason: unknown) => reason);
    expect(error).toMatchObject({ status: 502, code: 'internal' });
    expect((error as Error).message).not.toContain('<html>');
  });

  it('lets a cancelled request be cancelled', async () => {
    vi.stubGlobal('fetch', async () => {
      throw new DOMException('stopped', 'AbortError');
    });
    await expect(api.get('/v1/me')).rejects.toHaveProperty('name', 'AbortError');
  });
});

describe('ApiError.fieldErrors', () => {
  it('has the first problem of each field as a sentence with what is expected', () => {
    const error = new ApiError(422, {
      error: 'validation_error',
      details: [
        { field: 'name', problem: 'is too long', expected: 'at most 40 characters' },
        { field: 'name', problem: 'has spaces' },
        { field: 'team', problem: 'is missing' },
        { problem: 'something else' },
      ],
    });
    expect(error.fieldErrors()).toEqual({
      name: 'Is too long. Expected: at most 40 characters',
      team: 'Is missing',
    });
  });
});
