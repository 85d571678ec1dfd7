import { describe, expect, it } from 'vitest';
import { bodyOf, exportAddress } from './listQueries';
import type { QueryGroup } from './query';

const filter: QueryGroup = {
  combinator: 'and',
  rules: [{ property: 'type', operator: '=', value: 'service' }],
};

describe('bodyOf', () => {
  it('asks for what decides the rows and their order, not for looks', () => {
    expect(bodyOf({ q: 'pay', filter, sort: '-tier' })).toEqual({
      text: 'pay',
      query: filter,
      sort: 'tier',
      desc: true,
    });
  });
});

describe('exportAddress', () => {
  const parse = (address: string) => new URL(address, 'http://portal.test');

  it('exports exactly the filtered rows and shown columns', () => {
    const url = parse(
      exportAddress('csv', 'Component', { q: 'pay', filter, sort: '-$title' }, ['$title', 'type']),
    );
    expect(url.pathname).toBe('/v1/blueprints/Component/entities.csv');
    expect(url.searchParams.get('q')).toBe('pay');
    expect(JSON.parse(url.searchParams.get('query')!)).toEqual(filter);
    expect(url.searchParams.get('columns')).toBe('$title,type');
    expect(url.searchParams.get('sort')).toBe('$title');
    expect(url.searchParams.get('desc')).toBe('true');
  });

  it('exports whole entities as JSON', () => {
    const url = parse(exportAddress('json', 'Component', {}, ['$title']));
    expect(url.pathname).toBe('/v1/blueprints/Component/entities.json');
    expect([...url.searchParams.keys()]).toEqual([]);
  });

  it('exports only the selected rows when there is a selection', () => {
    const url = parse(exportAddress('csv', 'Component', { q: 'pay' }, ['$title'], ['a', 'b']));
    expect(url.searchParams.get('q')).toBeNull();
    expect(JSON.parse(url.searchParams.get('query')!)).toEqual({
      combinator: 'and',
      rules: [{ property: '$identifier', operator: 'in', value: ['a', 'b'] }],
    });
  });
});
