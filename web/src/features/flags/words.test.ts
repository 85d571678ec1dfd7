import { describe, expect, it } from 'vitest';
import type { Condition, Rule, Serve, Setting } from './model';
import {
  conditionText,
  differenceText,
  guardText,
  manyOf,
  rampText,
  ruleText,
  scheduledText,
  serveText,
  settingText,
} from './words';

const share = (weight: number, by = 'accountId'): Serve => ({
  by,
  weights: [
    { variation: 'on', weight },
    { variation: 'off', weight: 100_000 - weight },
  ],
});

const setting = (part: Partial<Setting> = {}): Setting => ({
  on: true,
  off: 'off',
  default: 'off',
  prerequisites: [],
  targets: [],
  rules: [],
  serve: {},
  schedule: [],
  ...part,
});

describe('conditions in words', () => {
  const cases: [Condition, string][] = [
    [{ attribute: 'plan', operator: 'is', values: ['pro'] }, 'plan is “pro”'],
    [{ attribute: 'plan', operator: 'is', values: ['pro', 'team'] }, 'plan is one of “pro” or “team”'],
    [
      { attribute: 'plan', operator: 'is', values: ['a', 'b', 'c', 'd', 'e'], not: true },
      'plan is none of “a”, “b”, “c” or 2 more',
    ],
    [{ attribute: 'accountId', operator: 'is', values: ['42'] }, 'the account is “42”'],
    [{ attribute: 'targetingKey', operator: 'exists' }, 'the user is known'],
    [{ attribute: 'email', operator: 'exists', not: true }, 'email is not known'],
    [
      { attribute: 'email', operator: 'endsWith', values: ['@example.com'] },
      'email ends with “@example.com”',
    ],
    [{ attribute: 'seats', operator: 'atLeast', values: [10] }, 'seats is at least 10'],
    [{ attribute: 'beta', operator: 'is', values: [true] }, 'beta is true'],
    [{ attribute: 'version', operator: 'version', values: ['>= 2.1.0'] }, 'version is of version “>= 2.1.0”'],
    [{ operator: 'segment', segment: 'staff' }, 'in the segment “staff”'],
    [{ operator: 'segment', segment: 'staff', not: true }, 'not in the segment “staff”'],
    [{ operator: 'raw', raw: { '!!': [{ var: 'x' }] } }, 'the expression {"!!":[{"var":"x"}]}'],
  ];
  it.each(cases)('%j', (condition, text) => {
    expect(conditionText(condition)).toBe(text);
  });
});

describe('what is served in words', () => {
  it('names one variation, or the default', () => {
    expect(serveText({ variation: 'on' }, 'off')).toBe('on');
    expect(serveText({}, 'off')).toBe('off');
    expect(serveText({}, '')).toBe('the default in the code');
  });
  it('names shares by what they go by', () => {
    expect(serveText(share(10_000), 'off')).toBe('10 % of accounts get on, 90 % off');
    expect(serveText(share(12_300, ''), 'off')).toBe('12.3 % of users get on, 87.7 % off');
    expect(serveText(share(500, 'tenant'), 'off')).toBe('0.5 % of values of tenant get on, 99.5 % off');
    expect(serveText(share(100_000), 'off')).toBe('all accounts get on');
  });
  it('says the guard for who lacks the attribute', () => {
    expect(guardText(share(10_000), 'off')).toBe('Without the account, one gets off.');
    expect(guardText({ ...share(10_000), otherwise: 'on' }, 'off')).toBe('Without the account, one gets on.');
    expect(guardText({ variation: 'on' }, 'off')).toBe('');
  });
  it('says how a ramp moves', () => {
    const ramp = {
      variation: 'on',
      linear: true,
      steps: [
        { at: '2027-01-01T00:00:00Z', weight: 10_000 },
        { at: '2027-01-02T00:00:00Z', weight: 100_000 },
      ],
    };
    expect(rampText({ ...share(10_000), ramp })).toMatch(/^The share of on goes from 10 % to 100 % between /);
    expect(rampText(share(10_000))).toBe('');
  });
  it('knows the plural of what shares go by', () => {
    expect([manyOf(''), manyOf('accountId'), manyOf('sessionId'), manyOf('country')]).toEqual([
      'users',
      'accounts',
      'sessions',
      'values of country',
    ]);
  });
});

describe('a whole setting in words', () => {
  const rule: Rule = {
    id: 'r1',
    conditions: [
      { operator: 'segment', segment: 'beta' },
      { attribute: 'country', operator: 'is', values: ['IL'] },
    ],
    serve: share(25_000),
  };
  it('reads in the order in which it decides', () => {
    expect(ruleText(rule, 'off')).toBe(
      'If in the segment “beta” and country is “IL”: 25 % of accounts get on, 75 % off',
    );
    expect(
      settingText(
        setting({
          on: false,
          prerequisites: [{ flag: 'checkout', variations: ['on'] }],
          targets: [{ variation: 'on', attribute: 'accountId', values: ['7'] }],
          rules: [rule],
        }),
      ),
    ).toEqual([
      'Off: everybody gets off',
      'Only while “checkout” gives on',
      'Always, whatever the rules say, if the account is “7”: on',
      'If in the segment “beta” and country is “IL”: 25 % of accounts get on, 75 % off',
      'Everybody else: off',
    ]);
  });
  it('says what a moment of the schedule does', () => {
    expect(scheduledText({ at: '2027-01-01T00:00:00Z', on: false }, 'off')).toBe('turn off');
    expect(scheduledText({ at: '2027-01-01T00:00:00Z', on: true, serve: { variation: 'on' } }, 'off')).toBe(
      'turn on, everybody else: on',
    );
  });
});

describe('the difference in words', () => {
  it('is what is new and what is gone', () => {
    expect(differenceText(setting(), setting({ on: false, serve: share(10_000) }))).toEqual([
      'It is turned off',
      'New: Everybody else: 10 % of accounts get on, 90 % off',
      'No longer: Everybody else: off',
    ]);
    expect(differenceText(setting(), setting())).toEqual([]);
  });
  it('tells when only the order of the rules differs', () => {
    const rules: Rule[] = ['a', 'b'].map((value) => ({
      id: value,
      conditions: [{ attribute: 'plan', operator: 'is', values: [value] }],
      serve: { variation: 'on' },
    }));
    expect(differenceText(setting({ rules }), setting({ rules: [...rules].reverse() }))).toEqual([
      'The rules are in another order',
    ]);
  });
});
