import { describe, expect, it } from 'vitest';
import type { Run, StepRun } from '~/api/types';
import { diagnostics, likelyCause } from './failure';
import { opensOutside, safeAddress } from './PortalLink';
import { remainingMillis, stepMillis } from './timing';
import { runTitle } from './useRunTitle';

const at = (seconds: number) => new Date(Date.UTC(2026, 10, 23, 10, 0, seconds)).toISOString();
const now = Date.UTC(2026, 10, 23, 10, 0, 10);

const step = (part: Partial<StepRun>): StepRun => ({
  index: 0,
  name: 'build',
  title: 'Build',
  type: 'runtime.build',
  safety: 'idempotent-key',
  state: 'pending',
  args: {},
  attempt: 1,
  estimateMillis: 0,
  ...part,
});
const run = (part: Partial<Run>): Run => ({
  id: 'r1',
  action: 'create_service',
  title: 'Create checkout',
  state: 'running',
  input: { password: 'hunter2' },
  entities: [],
  actor: { id: 'u1', name: 'Dana', email: '', roles: [], teams: [] },
  undoing: false,
  cancelRequested: false,
  createdAt: at(0),
  can: { cancel: true, retry: false, undo: false },
  stepsDone: 1,
  stepsTotal: 4,
  ...part,
});

describe('times', () => {
  it('counts a step that works until now', () => {
    expect(stepMillis(step({ state: 'running', startedAt: at(6) }), now)).toBe(4000);
    expect(stepMillis(step({ state: 'succeeded', startedAt: at(1), endedAt: at(3) }), now)).toBe(2000);
    expect(stepMillis(step({}), now)).toBeUndefined();
    expect(stepMillis(step({ startedAt: '0001-01-01T00:00:00Z' }), now)).toBeUndefined();
  });

  it('estimates what is left, or says nothing when a step has never run', () => {
    const steps = [
      step({ state: 'succeeded', estimateMillis: 9 }),
      step({ state: 'running', startedAt: at(9), estimateMillis: 3000 }),
      step({ estimateMillis: 500 }),
    ];
    expect(remainingMillis(run({ steps }), now)).toBe(2500);
    expect(remainingMillis(run({ steps: [...steps, step({})] }), now)).toBeUndefined();
  });
});

describe('runTitle', () => {
  it('tells the state', () => {
    expect(runTitle(run({}))).toBe('● Create checkout 25 %');
    expect(runTitle(run({ state: 'succeeded' }))).toBe('✓ Create checkout');
    expect(runTitle(run({ state: 'failed' }))).toBe('✕ Create checkout');
  });
});

describe('failure', () => {
  it.each([
    ['write /data: no space left on device', /disk/],
    ['listen tcp: address already in use', /port/],
    ['go build failed: exit status 1', /did not build/],
    ['The build of checkout failed: go ended with status 1.', /did not build/],
    ['context deadline exceeded', /longer/],
  ])('%s has a likely cause', (error, cause) => {
    expect(likelyCause(error)).toMatch(cause);
  });

  it('does not guess', () => {
    expect(likelyCause('something odd')).toBeUndefined();
  });

  it('has diagnostics without the input', () => {
    const failed = step({ state: 'failed', error: 'exit status 1', attempt: 3 });
    const text = diagnostics(
      run({ state: 'failed', steps: [failed] }),
      [{ seq: 1, at: at(1), step: 'build', text: '\u001b[31mundefined: foo\u001b[0m' }],
      'http://portal/runs/r1',
    );
    expect(text).toContain('Step build (runtime.build), attempt 3: exit status 1');
    expect(text).toContain('undefined: foo');
    expect(text).not.toContain('hunter2');
    expect(text).not.toContain('\u001b');
  });
});

describe('safeAddress', () => {
  it.each([
    ['/runs/1', '/runs/1'],
    ['https://ci.example/1', 'https://ci.example/1'],
    ['javascript:alert(1)', undefined],
    ['data:text/html,x', undefined],
    ['//evil.example', undefined],
    ['/\\evil.example', undefined],
    [undefined, undefined],
  ])('%s', (address, expected) => {
    expect(safeAddress(address)).toBe(expected);
  });

  it('opens running services and other hosts in their own tab', () => {
    expect(opensOutside('/run/dev/checkout/')).toBe(true);
    expect(opensOutside('https://ci.example')).toBe(true);
    expect(opensOutside('/runs/1')).toBe(false);
  });
});
