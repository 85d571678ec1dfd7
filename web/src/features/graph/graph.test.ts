import { describe, expect, it } from 'vitest';
import type { Graph } from '~/api/types';
import { fold, foldFrom, hideParts, layoutOf } from './fold';
import { layOut } from './layout';
import { graphSearch, opened, parseGraph, toggled } from './state';

const node = (id: string, depth: number, blueprint = 'Component'): Graph['nodes'][number] => ({
  id,
  blueprint,
  identifier: id,
  title: id,
  depth,
});
const edge = (from: string, to: string, relation = 'uses') => ({ from, to, relation });
const names = (n: number, prefix = 'leaf') => Array.from({ length: n }, (_, i) => `${prefix}-${i}`);

/** A system with many alike services, one of which has a database. */
function star(leaves: number): Graph {
  const ids = names(leaves);
  return {
    nodes: [node('self', 0, 'System'), ...ids.map((id) => node(id, 1)), node('db', 2, 'Database')],
    edges: [...ids.map((id) => edge(id, 'self', 'system')), edge(ids[0]!, 'db')],
    more: {},
    hidden: [],
  };
}

describe('fold', () => {
  it('makes one node of many alike leaves, and keeps those that lead on', () => {
    const drawn = fold(star(20), 'self', () => false);
    expect(drawn.groups).toHaveLength(1);
    expect(drawn.groups[0]).toMatchObject({ hub: 'self', relation: 'system', blueprint: 'Component' });
    expect(drawn.groups[0]!.members).toHaveLength(19);
    expect(drawn.nodes.map((each) => each.id)).toEqual(['self', 'leaf-0', 'db']);
    expect(drawn.edges.filter((each) => each.relation === 'system')).toHaveLength(2);
  });

  it('leaves few alone, and shows each of a group that was opened', () => {
    expect(fold(star(foldFrom - 1), 'self', () => false).groups).toEqual([]);
    const [group] = fold(star(20), 'self', () => false).groups;
    const drawn = fold(star(20), 'self', (id) => id === group!.key);
    expect(drawn.groups).toEqual([]);
    expect(drawn.nodes).toHaveLength(22);
  });

  it('draws at most what can be read, the nearest, and tells how many there are', () => {
    // A chain cannot be folded.
    const ids = names(400, 'link');
    const chain: Graph = {
      nodes: ids.map((id, i) => node(id, i)),
      edges: ids.slice(1).map((id, i) => edge(ids[i]!, id)),
      more: {},
      hidden: [],
    };
    const drawn = fold(chain, 'link-0', () => false);
    expect(drawn.nodes).toHaveLength(200);
    expect(drawn.nodes.at(-1)?.id).toBe('link-199');
    expect(drawn.all).toBe(400);
    expect(drawn.edges).toHaveLength(199);
  });
});

describe('hideParts', () => {
  it('leaves out a kind or a relation, and what hung on it', () => {
    const graph = star(3);
    expect(hideParts(graph, 'self', ['Database']).nodes.map((each) => each.id)).not.toContain('db');
    expect(hideParts(graph, 'self', ['.system']).nodes.map((each) => each.id)).toEqual(['self']);
    expect(hideParts(graph, 'self', ['System']).nodes).toHaveLength(5);
    expect(hideParts(graph, 'self', undefined)).toBe(graph);
  });
});

describe('layOut', () => {
  it('puts no two nodes on one another, also where 200 are of one rank', () => {
    const ids = names(200);
    const places = layOut({ nodes: ['self', ...ids], edges: ids.map((id) => edge(id, 'self')) });
    expect(places).toHaveLength(201);
    expect(new Set(places.map(({ x, y }) => `${x} ${y}`)).size).toBe(201);
    const high = Math.max(...places.map(({ y }) => y)) - Math.min(...places.map(({ y }) => y));
    expect(high).toBeLessThan(1400);
  });

  it('goes from what points to what is pointed to', () => {
    const [a, b] = layOut({ nodes: ['a', 'b'], edges: [edge('a', 'b')] });
    expect(a!.x).toBeLessThan(b!.x);
  });

  it('follows only what leads to the centre when there are many relations', () => {
    const graph = star(30);
    const drawn = fold(graph, 'self', () => true);
    const input = layoutOf(drawn);
    expect(input.centre).toBe('self');
    expect(input.edges).toHaveLength(31);
  });
});

describe('the address of a graph', () => {
  it('holds the state, and leaves out what is usual or makes no sense', () => {
    const state = parseGraph({ mode: 'impact', depth: '3', hide: 'Task,.uses', open: 'A/b,A/b', view: 'x' });
    expect(state).toEqual({
      mode: 'impact',
      depth: 3,
      hide: ['Task', '.uses'],
      open: ['A/b', 'A/b'],
      view: undefined,
      to: undefined,
    });
    expect(parseGraph(graphSearch(state))).toEqual(state);
    expect(parseGraph({ depth: 99, mode: 'up', to: 'no' })).toEqual({});
    expect(opened(state.open).get('A/b')).toBe(2);
    expect(toggled(['a'], 'a')).toEqual([]);
    expect(toggled(undefined, 'b')).toEqual(['b']);
  });
});
