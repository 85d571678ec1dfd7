import { describe, expect, it } from 'vitest';
import type { Action, Hit } from '~/api/types';
import { actionChoices, pageChoices } from './choices';
import { navigationFor } from './nav';
import { isServerPath, safeNext } from './next';

const action = (identifier: string, title: string, blueprint?: string, allowed = true): Action => ({
  identifier,
  title,
  blueprint,
  allowed,
  description: '',
  icon: '',
  group: '',
  roles: [],
  stats: { runs: 0, successRate: 0, medianMillis: 0 },
  input: { type: 'object', properties: {}, required: [], additionalProperties: false },
});
const hit: Hit = { blueprint: 'Component', identifier: 'payments', title: 'Payments' };

describe('safeNext', () => {
  it.each([
    ['/catalog?q=a', '/catalog?q=a'],
    [undefined, '/'],
    ['https://evil.test/', '/'],
    ['//evil.test/', '/'],
    ['/\\evil.test/', '/'],
    ['javascript:alert(1)', '/'],
  ])('%s leads to %s', (next, to) => {
    expect(safeNext(next)).toBe(to);
  });
});

describe('isServerPath', () => {
  it('is true for what the router has no page for', () => {
    expect(isServerPath('/run/dev-eu-west-1/checkout/')).toBe(true);
    expect(isServerPath('/runs/1')).toBe(false);
  });
});

describe('actionChoices', () => {
  const all = [
    action('create_service', 'Create a microservice'),
    action('deploy_service', 'Deploy a version', 'Component'),
    action('retire', 'Retire', 'Component', false),
  ];

  it('offers only what needs no entity before anything is typed', () => {
    expect(actionChoices(all, '', []).map((choice) => choice.action.identifier)).toEqual(['create_service']);
  });

  it('offers an action with the entity that the rest of the text finds', () => {
    expect(actionChoices(all, 'deploy payments', [hit])).toEqual([{ action: all[1], entity: hit }]);
  });

  it('offers nothing that the person may not do', () => {
    expect(actionChoices(all, 'retire payments', [hit])).toEqual([]);
  });
});

describe('navigation', () => {
  it('hides pages that a role may not see', () => {
    const labels = (roles: string[]) => pageChoices(navigationFor(roles), '').map((item) => item.label);
    expect(labels(['developer'])).not.toContain('Audit');
    expect(labels(['infrastructure'])).toContain('Audit');
    expect(labels(['infrastructure'])).toContain('Import');
  });

  it('finds pages by a part of their name', () => {
    expect(pageChoices(navigationFor([]), 'repos').map((item) => item.to)).toEqual(['/forge']);
  });
});
