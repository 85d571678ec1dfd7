import { describe, expect, it } from 'vitest';
import { isFiltered, nextSort, parseListSearch, parseSort } from './listState';

describe('parseListSearch', () => {
  it('keeps text, rules, sort and columns', () => {
    const filter = [{ property: 'type', operator: '=', value: 'service' }];
    expect(parseListSearch({ q: 'check', filter, sort: '-$updatedAt', cols: 'type,$team' })).toEqual({
      q: 'check',
      filter,
      sort: '-$updatedAt',
      cols: 'type,$team',
    });
  });

  it.each([
    ['a rule with an unknown operator', { filter: [{ property: 'a', operator: 'like' }] }],
    ['a rule without a property', { filter: [{ operator: '=' }] }],
    ['a filter that is no list', { filter: 'x' }],
    ['empty text', { q: '' }],
  ])('leaves out %s', (_, raw) => {
    expect(parseListSearch(raw)).toEqual({});
  });

  it('reads a number in the address as text', () => {
    expect(parseListSearch({ q: 42 }).q).toBe('42');
  });
});

describe('sorting', () => {
  it('goes up, down, and back to the usual order', () => {
    expect(nextSort(undefined, 'tier')).toBe('tier');
    expect(nextSort('tier', 'tier')).toBe('-tier');
    expect(nextSort('-tier', 'tier')).toBeUndefined();
    expect(nextSort('-tier', '$title')).toBe('$title');
  });

  it('reads the direction', () => {
    expect(parseSort('-$title')).toEqual({ key: '$title', desc: true });
    expect(parseSort('tier')).toEqual({ key: 'tier', desc: false });
    expect(parseSort(undefined)).toBeUndefined();
  });
});

describe('isFiltered', () => {
  it('is about rows, not about order and columns', () => {
    expect(isFiltered({ sort: 'a', cols: 'b' })).toBe(false);
    expect(isFiltered({ q: 'x' })).toBe(true);
    expect(isFiltered({ filter: [{ property: 'a', operator: 'isEmpty' }] })).toBe(true);
  });
});
