import { describe, expect, it } from 'vitest';
import type { Blueprint } from '~/api/types';
import { backwards, fieldOfPath, shownChanges } from './changes';

const blueprint = {
  identifier: 'Component',
  title: 'Component',
  schema: { properties: { system: { type: 'string', title: 'System text' } }, required: [] },
  relations: { system: { target: 'System', title: 'System', required: false, many: false } },
} as unknown as Blueprint;

describe('changes of a version', () => {
  it('tell a property from a relation of the same name', () => {
    expect(fieldOfPath(blueprint, 'properties.system').title).toBe('System text');
    expect(fieldOfPath(blueprint, 'relations.system').relation?.target).toBe('System');
    expect(fieldOfPath(blueprint, 'title').title).toBe('Name');
    expect(fieldOfPath(blueprint, 'properties.goneNow').title).toBe('Gone now');
  });

  it('name the level of a scorecard, and only when it changed', () => {
    const level = (name: string) => ({ level: name, rules: [{ status: name }] });
    const shown = shownChanges(blueprint, {
      'scorecards.readiness': { before: level('Gold'), after: level('Silver') },
      'scorecards.security': { before: level('Gold'), after: { level: 'Gold', rules: [] } },
    });
    expect(shown.map(({ field, before, after }) => [field.title, before, after])).toEqual([
      ['Scorecard Readiness', 'Gold', 'Silver'],
    ]);
  });

  it('go backwards in an undo, without what follows from them', () => {
    const changes = {
      'properties.tier': { before: 1, after: 2 },
      'derived.risk': { before: 'low', after: 'high' },
    };
    expect(backwards(changes)).toEqual({ 'properties.tier': { before: 2, after: 1 } });
  });
});
