import { describe, expect, it } from 'vitest';
import { parsePercent, percentText, whole, withShare } from './share';
import { fieldTime, parseFieldTime, rampAt } from './time';
import { diffLines, stableJson } from './lineDiff';
import { moved } from './Sortable';
import { csvCell } from './ExportFlags';
import { parseListState, isNarrowed } from './listState';
import { patchOf, problemsOf, type Setting } from './model';

describe('shares', () => {
  it('reads and writes percentages with up to three decimals', () => {
    expect(parsePercent('12.5')).toBe(12_500);
    expect(parsePercent('0,1 %')).toBe(100);
    for (const wrong of ['', 'x', '-1', '100.1']) expect(parsePercent(wrong)).toBeUndefined();
    expect(percentText(12_500)).toBe('12.5 %');
    expect(percentText(100)).toBe('0.1 %');
    expect(percentText(whole)).toBe('100 %');
  });

  it('keeps the sum whole when one share changes', () => {
    expect(withShare([10_000, 90_000], 0, 25_000)).toEqual([25_000, 75_000]);
    expect(withShare([10_000, 90_000], 1, 100_000)).toEqual([0, 100_000]);
    expect(withShare([0, 100_000], 1, 40_000)).toEqual([60_000, 40_000]);
    expect(withShare([whole, 0, 0], 0, 99_999).reduce((a, b) => a + b)).toBe(whole);
    for (let value = 0; value <= whole; value += 7_777) {
      const next = withShare([33_333, 33_333, 33_334], 1, value);
      expect(next[1]).toBe(value);
      expect(next.reduce((a, b) => a + b)).toBe(whole);
      expect(Math.min(...next)).toBeGreaterThanOrEqual(0);
    }
  });

  it('knows where a ramp stands', () => {
    const steps = [
      { at: '2027-01-01T00:00:00Z', weight: 10_000 },
      { at: '2027-01-02T00:00:00Z', weight: 50_000 },
    ];
    const noon = Date.parse('2027-01-01T12:00:00Z');
    expect(rampAt({ steps, linear: true }, noon)).toBe(30_000);
    expect(rampAt({ steps }, noon)).toBe(10_000);
    expect(rampAt({ steps }, Date.parse('2026-12-31T00:00:00Z'))).toBeUndefined();
    expect(rampAt({ steps, linear: true }, Date.parse('2028-01-01T00:00:00Z'))).toBe(50_000);
  });

  it('brings a time to a field and back', () => {
    const at = '2027-03-04T05:06:00.000Z';
    expect(parseFieldTime(fieldTime(at))).toBe(at);
    expect(parseFieldTime('')).toBeUndefined();
  });
});

describe('order and differences', () => {
  it('moves one of a list', () => {
    expect(moved(['a', 'b', 'c'], 2, 0)).toEqual(['c', 'a', 'b']);
    expect(moved(['a', 'b'], 0, 2)).toEqual(['a', 'b']);
  });

  it('makes a unified diff of lines', () => {
    const { patch, added, removed } = diffLines('a\nb\nc', 'a\nB\nc\nd');
    expect(patch).toBe('@@ -1,3 +1,4 @@\n a\n-b\n+B\n c\n+d\n');
    expect([added, removed]).toEqual([2, 1]);
    expect(diffLines('same', 'same').patch).toBe('');
  });

  it('writes JSON with members in order, so that only what differs differs', () => {
    expect(stableJson({ b: 1, a: { d: 1, c: [2] } })).toBe(stableJson({ a: { c: [2], d: 1 }, b: 1 }));
  });
});

describe('the list', () => {
  it('reads its state from the address and drops what makes no sense', () => {
    expect(
      parseListState({ q: 'x', kind: 'nonsense', state: 'on', stale: 'true', env: 'prod' }),
    ).toMatchObject({
      q: 'x',
      kind: undefined,
      state: 'on',
      stale: true,
      env: 'prod',
    });
    expect(isNarrowed(parseListState({ env: 'prod' }))).toBe(false);
    expect(isNarrowed(parseListState({ tag: 'a' }))).toBe(true);
  });

  it('gives spreadsheets no formulas', () => {
    expect(csvCell('=1+1')).toBe("'=1+1");
    expect(csvCell('a,"b"')).toBe('"a,""b"""');
  });
});

describe('a change', () => {
  const base: Setting = {
    on: true,
    off: 'off',
    default: 'off',
    prerequisites: [],
    targets: [],
    rules: [],
    serve: {},
    schedule: [],
  };
  it('has only the parts that differ', () => {
    expect(patchOf(base, { ...base, on: false })).toEqual({ on: false });
    expect(patchOf(base, { ...base })).toEqual({});
  });
  it('is not complete with shares that make no whole, or conditions without values', () => {
    const problems = problemsOf(
      {
        ...base,
        serve: { weights: [{ variation: 'on', weight: 10 }] },
        rules: [
          { conditions: [{ attribute: 'plan', operator: 'is', values: [] }], serve: { variation: 'on' } },
        ],
      },
      whole,
    );
    expect([...problems]).toEqual([
      ['rules.0.0', 'values'],
      ['serve', 'sum'],
    ]);
  });
});
