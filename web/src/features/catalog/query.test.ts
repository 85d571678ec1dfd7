import { describe, expect, it } from 'vitest';
import type { Blueprint } from '~/api/types';
import { setOf, settable } from './BulkEdit';
import { stateOf, stateText, totalText } from './CatalogList';
import { columnsOf, shownColumns, usualColumns } from './columns';
import { allFields, type Field } from './fields';
import { keyOfValue, ruleOfGroup } from './GroupedList';
import { listSearch, parseList } from './listState';
import {
  both,
  countRules,
  finished,
  isComplete,
  operatorsFor,
  parseQuery,
  quickValues,
  ruleOn,
  ruleText,
  withQuick,
  type QueryGroup,
} from './query';

const blueprint = {
  identifier: 'Component',
  title: 'Component',
  schema: {
    properties: {
      tier: { type: 'number', enum: [1, 2, 3], title: 'Tier' },
      language: { type: 'string', enum: ['go', 'node'] },
      notes: { type: 'string' },
      size: { type: 'number' },
      on: { type: 'boolean' },
      ends: { type: 'string', format: 'timer' },
      seen: { type: 'string', format: 'date-time' },
      tags: { type: 'array' },
      config: { type: 'object' },
    },
    required: [],
  },
  relations: { system: { target: 'System', required: false, many: false } },
  mirrorProperties: { domain: { path: 'system.domain.$title', title: 'Domain' } },
  calculationProperties: {
    risk: { calculation: '1', type: 'string', colorized: true, colors: { high: 'red' } },
  },
  aggregationProperties: {
    incidents: { target: 'Incident', calculationSpec: { calculationBy: 'entities', func: 'count' } },
  },
} as unknown as Blueprint;

const fields = allFields(blueprint);
const field = (id: string): Field => fields.find((each) => each.id === id)!;

describe('operatorsFor', () => {
  it('offers what makes sense for the type', () => {
    expect(operatorsFor(field('notes'))).toContain('beginsWith');
    expect(operatorsFor(field('size'))).toEqual(['=', '!=', '>', '>=', '<', '<=', 'isEmpty', 'isNotEmpty']);
    expect(operatorsFor(field('language'))[0]).toBe('in');
    expect(operatorsFor(field('on'))[0]).toBe('=');
    expect(operatorsFor(field('ends'))[0]).toBe('isExpired');
    expect(operatorsFor(field('seen'))[0]).toBe('between');
    expect(operatorsFor(field('tags'))[0]).toBe('containsAny');
    expect(operatorsFor(field('config'))).toEqual(['isEmpty', 'isNotEmpty']);
    expect(operatorsFor(field('system'))[0]).toBe('in');
    expect(operatorsFor(field('incidents'))).toContain('>');
    expect(operatorsFor(field('domain'))).toContain('contains');
  });
});

describe('a filter', () => {
  it('sends only what is finished', () => {
    const draft: QueryGroup = {
      combinator: 'or',
      rules: [
        ruleOn(field('notes'), 'contains', 'x'),
        ruleOn(field('notes'), 'contains'),
        ruleOn(field('notes'), 'isEmpty'),
        { combinator: 'and', rules: [ruleOn(field('size'), '>')] },
      ],
    };
    expect(finished(draft).rules).toHaveLength(2);
    expect(isComplete(ruleOn(field('on'), '=', false))).toBe(true);
    expect(isComplete(ruleOn(field('size'), '=', 0))).toBe(true);
    expect(isComplete(ruleOn(field('seen'), 'between', {}))).toBe(false);
    expect(isComplete(ruleOn(field('seen'), 'between', { preset: 'today' }))).toBe(true);
  });

  it('is read from an address, in the form it once had as well', () => {
    const rule = { property: 'tier', operator: '=', value: 1 };
    expect(parseQuery([rule])).toEqual({ combinator: 'and', rules: [rule] });
    const nested = { combinator: 'or', rules: [rule, { combinator: 'and', rules: [rule, 7, {}] }] };
    expect(countRules(parseQuery(nested))).toBe(2);
    expect(parseQuery({ combinator: 'and', rules: [] })).toBeUndefined();
    expect(parseQuery('x')).toBeUndefined();
    // Rules this form does not make are kept.
    const path = { property: { path: ['system'] }, operator: 'matchAny', value: 'cart' };
    expect(parseQuery([path])!.rules[0]).toEqual(path);
  });

  it('keeps an Or together when a quick filter comes to it', () => {
    const or: QueryGroup = {
      combinator: 'or',
      rules: [ruleOn(field('size'), '>', 1), ruleOn(field('size'), '<', 0)],
    };
    const more = withQuick(or, field('tier'), [1, 2]);
    expect(more).toEqual({
      combinator: 'and',
      rules: [or, { property: 'tier', operator: 'in', value: [1, 2] }],
    });
    expect(quickValues(more, field('tier'))).toEqual([1, 2]);
    expect(withQuick(more, field('tier'), [])).toEqual({ combinator: 'and', rules: [or] });
    expect(withQuick(undefined, field('tier'), [])).toBeUndefined();
    expect(withQuick(undefined, field('on'), [true])!.rules).toEqual([
      { property: 'on', operator: '=', value: true },
    ]);
    expect(both(or, ruleOn(field('on'), '=', true)).rules).toHaveLength(2);
  });

  it('is said in words', () => {
    expect(ruleText(blueprint, ruleOn(field('tier'), 'in', [1, 2]))).toBe('Tier is one of 1, 2');
    expect(ruleText(blueprint, ruleOn(field('system'), 'isEmpty'))).toBe('System is empty');
    expect(ruleText(blueprint, ruleOn(field('seen'), 'between', { preset: 'lastWeek' }))).toBe(
      'Seen is within the last 7 days',
    );
  });
});

describe('groups', () => {
  it('have a condition for each value, none included', () => {
    expect(ruleOfGroup(field('tier'), 2)).toEqual({ property: 'tier', operator: '=', value: 2 });
    expect(ruleOfGroup(field('tier'), null)).toEqual({ property: 'tier', operator: 'isEmpty' });
    expect(ruleOfGroup(field('$team'), 'pay')).toEqual({ property: '$team', operator: 'in', value: ['pay'] });
    expect(keyOfValue('a,b')).not.toContain(',');
  });
});

describe('the state of a list', () => {
  it('goes to the address and to a saved view and back', () => {
    const search = listSearch(
      parseList({
        q: 'pay',
        filter: [{ property: 'tier', operator: '=', value: 1 }],
        sort: '-tier',
        cols: 'tier,notes',
        w: 'tier:120,notes:5,x',
        group: 'tier',
        open: '1,2',
        view: 'v1',
      }),
    );
    expect(search.w).toBe('tier:120');
    expect(listSearch(parseList(search))).toEqual(search);
    const { view: _, ...rest } = search;
    expect(stateOf(stateText(search))).toEqual({ ...rest, view: undefined });
    expect(stateOf('filter=%7B')).toEqual(listSearch({}));
  });

  it('shows the columns in the order that was chosen, the name always first', () => {
    const all = columnsOf(blueprint);
    const usual = usualColumns(blueprint);
    expect(usual[0]).toBe('$title');
    expect(usual).toContain('risk');
    const shown = shownColumns(all, ['size', 'gone', 'tier'], usual, { size: 333 });
    expect(shown.map(({ id, width }) => [id, width])).toEqual([
      ['$title', 240],
      ['size', 333],
      ['tier', 140],
    ]);
  });

  it('says when nobody counted further', () => {
    expect(totalText({ total: 1204 })).toBe('1,204 entities');
    expect(totalText({ total: 10_000, totalIsAtLeast: true })).toBe('10,000+ entities');
    expect(totalText(undefined)).toBe('');
  });
});

describe('editing many', () => {
  it('sends only the chosen fields; an empty one clears', () => {
    const chosen = settable(blueprint).filter(({ id }) => ['$team', 'tier', 'notes', 'system'].includes(id));
    expect(setOf(chosen, { $team: ['pay'], tier: 2 })).toEqual({
      team: ['pay'],
      properties: { tier: 2, notes: null },
      relations: { system: null },
    });
    expect(settable(blueprint).some(({ id }) => id === 'risk')).toBe(false);
  });
});
