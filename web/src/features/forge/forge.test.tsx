import { screen } from '@testing-library/react';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { fakeServer, open, signedIn, type Answers } from '~/test/render';
import { folderOf, partsOf, readmeOf, resolveLink } from './paths';

describe('resolveLink', () => {
  const place = { repo: 'group/lib', ref: 'main', folder: 'docs' };
  const file = (path: string) => `/forge/group%2Flib?${new URLSearchParams({ ref: 'main', path })}`;
  it.each([
    ['guide.md', file('docs/guide.md')],
    ['../api/openapi.yaml#L3', file('api/openapi.yaml')],
    ['/README.md', file('README.md')],
    ['../../../../etc/passwd', file('etc/passwd')],
    ['https://example.test/x', 'https://example.test/x'],
    ['#part', undefined],
    [undefined, undefined],
  ])('%s', (href, expected) => {
    expect(resolveLink(href, place)).toBe(expected);
  });
});

describe('paths', () => {
  it('know their folder and parts', () => {
    expect(folderOf('a/b/c.go')).toBe('a/b');
    expect(folderOf('c.go')).toBe('');
    expect(partsOf('a/b')).toEqual([
      { name: 'a', path: 'a' },
      { name: 'b', path: 'a/b' },
    ]);
  });
  it('find the readme', () => {
    expect(readmeOf([{ name: 'readme.MD', kind: 'file', path: 'readme.MD' }])).toBe('readme.MD');
    expect(readmeOf([{ name: 'README', kind: 'folder', path: 'README' }])).toBeUndefined();
  });
});

const repository = {
  name: 'checkout',
  description: 'Takes orders',
  defaultBranch: 'main',
  cloneUrl: 'http://portal.test/git/checkout.git',
  owner: 'payments',
  archived: false,
  createdAt: '2026-11-01T00:00:00Z',
  updatedAt: '2026-11-01T00:00:00Z',
  openPullRequests: 0,
  rules: [],
};
const pull = {
  repository: 'checkout',
  number: 7,
  title: 'Add manifests',
  body: 'Hello <script>alert(1)</script> [x](javascript:alert(1)) ![t](https://evil.test/t.png)',
  state: 'open',
  head: 'change',
  headSha: 'a',
  base: 'main',
  baseSha: 'b',
  author: { id: 'u2', name: 'Ido', email: '' },
  createdAt: '2026-11-01T00:00:00Z',
  updatedAt: '2026-11-01T00:00:00Z',
  mergeable: {
    ok: false,
    blocked: ['A review by infrastructure is missing.'],
    reviewers: ['role:infrastructure'],
  },
  reviews: [],
  comments: [],
  statuses: [],
  commits: [],
};
const answers: Answers = {
  ...signedIn,
  'GET /v1/repositories/checkout': { body: { ok: true, repository } },
  'GET /v1/repositories/checkout/branches': { body: { ok: true, branches: [] } },
  'GET /v1/repositories/checkout/commits': { body: { ok: true, commits: [] } },
  'GET /v1/repositories/checkout/tree': {
    body: { ok: true, entries: [{ name: 'main.go', path: 'main.go', kind: 'file', size: 10 }] },
  },
  'GET /v1/repositories/checkout/file': {
    body: {
      ok: true,
      file: {
        path: 'main.go',
        content: 'package main\n// \u202Eevil\n',
        binary: false,
        truncated: false,
        size: 20,
      },
    },
  },
  'GET /v1/repositories/checkout/pull-requests/7': { body: { ok: true, pullRequest: pull } },
};

class SilentEvents {
  addEventListener() {}
  close() {}
}

describe('forge pages', () => {
  beforeEach(() => {
    vi.stubGlobal('EventSource', SilentEvents);
    // jsdom has no fonts to wait for; growing text areas ask for them.
    Object.defineProperty(document, 'fonts', { configurable: true, value: new EventTarget() });
  });

  it('show a file with numbered lines and hidden characters made visible', async () => {
    fakeServer(answers);
    open('/forge/checkout?path=main.go');
    expect(await screen.findByText('// ‹U+202E›evil')).toBeInTheDocument();
    expect(screen.getByRole('link', { name: 'Link to line 2' })).toHaveAttribute('href', '#L2');
  });

  it('show why a pull request cannot be merged and who can help', async () => {
    fakeServer(answers);
    open('/forge/checkout/pulls/7');
    expect(await screen.findByText('A review by infrastructure is missing.')).toBeInTheDocument();
    expect(screen.getByText(/Can give the missing review: Infrastructure/)).toBeInTheDocument();
    expect(screen.getByRole('button', { name: 'Squash and merge' })).toBeDisabled();
  });

  it('show markdown without scripts, dangerous links or pictures of other hosts', async () => {
    fakeServer(answers);
    open('/forge/checkout/pulls/7');
    expect(await screen.findByText(/Hello/)).toBeInTheDocument();
    expect(document.querySelector('article script, article img, article a[href^="javascript"]')).toBeNull();
  });
});
