import { describe, expect, it } from 'vitest';
import type { Entity, Graph } from '~/api/types';
import { worstState } from '~/features/home/ServiceCard';
import type { Instance } from '~/api/types';
import { mergeGraphs } from '~/features/graph/mergeGraphs';
import { parseTab, tabsFor } from './tabs';

const entity = (blueprint: string, properties: Record<string, unknown> = {}): Entity => ({
  identifier: 'a',
  title: 'A',
  blueprint,
  icon: null,
  team: [],
  properties,
  relations: {},
  scorecards: {},
  createdAt: '',
  updatedAt: '',
  createdBy: '',
  updatedBy: '',
});

describe('tabsFor', () => {
  it('has deployments, checks and a repository only for what runs', () => {
    expect(tabsFor(entity('Component', { type: 'service' }))).toContain('deployments');
    expect(tabsFor(entity('Component', { type: 'library' }))).not.toContain('deployments');
    expect(tabsFor(entity('System'))).toEqual(['overview', 'graph', 'runs', 'history', 'activity', 'access']);
  });

  it('reads a tab from the address only when there is one', () => {
    expect(parseTab('runs')).toBe('runs');
    expect(parseTab('overview')).toBeUndefined();
    expect(parseTab('nonsense')).toBeUndefined();
  });
});

describe('mergeGraphs', () => {
  const node = (id: string, depth: number): Graph['nodes'][number] => ({
    id,
    blueprint: 'B',
    identifier: id,
    title: id,
    depth,
  });

  it('joins without doubling, and forgets what was opened', () => {
    const first: Graph = {
      nodes: [node('a', 0), node('b', 1)],
      edges: [{ from: 'a', to: 'b', relation: 'r' }],
      more: { b: 3 },
      hidden: [],
    };
    const opened: Graph = {
      nodes: [node('b', 0), node('c', 1), node('d', 1)],
      edges: [
        { from: 'b', to: 'c', relation: 'r' },
        { from: 'b', to: 'd', relation: 'r' },
      ],
      more: { b: 1, d: 4 },
      hidden: [],
    };
    const merged = mergeGraphs([first, opened]);
    expect(merged.nodes.map((each) => each.id)).toEqual(['a', 'b', 'c', 'd']);
    expect(merged.nodes[1]?.depth).toBe(1);
    expect(merged.edges).toHaveLength(3);
    // b has four relations, three of which are shown now.
    expect(merged.more).toEqual({ b: 1, d: 4 });
  });
});

describe('worstState', () => {
  const at = (state: Instance['state']) => ({ state }) as Instance;

  it('is the state that needs somebody first', () => {
    expect(worstState([at('ready'), at('crashed'), at('starting')])).toBe('crashed');
    expect(worstState([at('ready'), at('stopped')])).toBe('ready');
    expect(worstState([])).toBeUndefined();
  });
});
