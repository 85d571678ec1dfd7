import { describe, expect, it } from 'vitest';
import { bytes, duration, plural, relative, shortSha } from './format';
import { humanise, splitEntity } from './words';

describe('relative', () => {
  const now = Date.parse('2026-11-23T12:00:00Z');
  it.each([
    ['2026-11-23T11:59:58Z', 'just now'],
    ['2026-11-23T11:55:00Z', '5m ago'],
    ['2026-11-23T09:00:00Z', '3h ago'],
    ['2026-11-22T12:00:00Z', 'yesterday'],
    ['2026-11-23T14:00:00Z', 'in 2h'],
  ])('%s is %s', (at, text) => {
    expect(relative(at, now)).toBe(text);
  });
});

describe('duration', () => {
  it.each([
    [340, '340 ms'],
    [4210, '4.2 s'],
    [59_400, '59 s'],
    [185_000, '3 min 05 s'],
    [3_840_000, '1 h 04 min'],
  ])('%d ms is %s', (millis, text) => {
    expect(duration(millis)).toBe(text);
  });
});

it('writes counts, sizes and hashes as people read them', () => {
  expect(plural(1, 'entity', 'entities')).toBe('1 entity');
  expect(plural(2400, 'entity', 'entities')).toBe('2,400 entities');
  expect(bytes(1400)).toBe('1.4 kB');
  expect(shortSha('0123456789abcdef0123456789abcdef01234567')).toBe('01234567');
  expect(shortSha('main')).toBe('main');
});

describe('humanise', () => {
  it.each([
    ['consumesApi', 'Consumes API'],
    ['lead_time', 'Lead time'],
    ['$title', 'Title'],
    ['wait-ready', 'Wait ready'],
  ])('%s is %s', (key, text) => {
    expect(humanise(key)).toBe(text);
  });
});

describe('splitEntity', () => {
  it('splits at the first slash only', () => {
    expect(splitEntity('Component/group/a')).toEqual({ blueprint: 'Component', identifier: 'group/a' });
    expect(splitEntity('nothing')).toBeUndefined();
    expect(splitEntity('Component/')).toBeUndefined();
  });
});
