import { describe, expect, it } from 'vitest';
import { bodyOf, csvAddress } from './list';

describe('bodyOf', () => {
  it('asks for what decides the rows and their order, not for looks', () => {
    expect(bodyOf({ q: 'pay', sort: '-tier', cols: 'tier' })).toEqual({
      text: 'pay',
      rules: undefined,
      sort: 'tier',
      desc: true,
    });
  });
});

describe('csvAddress', () => {
  const parse = (address: string) => new URL(address, 'http://portal.test');

  it('exports exactly the filtered rows and shown columns', () => {
    const filter = [{ property: 'type', operator: '=', value: 'service' }];
    const url = parse(
      csvAddress('Component', { q: 'pay', filter, sort: '-$title', cols: 'x' }, ['$title', 'type']),
    );
    expect(url.pathname).toBe('/v1/blueprints/Component/entities.csv');
    expect(url.searchParams.get('q')).toBe('pay');
    expect(JSON.parse(url.searchParams.get('rules')!)).toEqual(filter);
    expect(url.searchParams.get('columns')).toBe('$title,type');
    expect(url.searchParams.get('sort')).toBe('$title');
    expect(url.searchParams.get('desc')).toBe('true');
  });

  it('exports only the selected rows when there is a selection', () => {
    const url = parse(csvAddress('Component', { q: 'pay' }, ['$title'], ['a', 'b']));
    expect(url.searchParams.get('q')).toBeNull();
    expect(JSON.parse(url.searchParams.get('rules')!)).toEqual([
      { property: '$identifier', operator: 'in', value: ['a', 'b'] },
    ]);
  });
});
