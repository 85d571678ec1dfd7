import { describe, expect, it } from 'vitest';
import { ApiError } from '~/api/errors';
import type { Blueprint, Entity } from '~/api/types';
import {
  blank,
  changesOf,
  check,
  controlOf,
  createBody,
  filled,
  fromLocal,
  JsonText,
  patchBody,
  problemsOf,
  toLocal,
} from './form';

const blueprint = {
  identifier: 'Service',
  title: 'Service',
  schema: {
    properties: {
      tier: { type: 'number', enum: [1, 2, 3] },
      coverage: { type: 'number', minimum: 0, maximum: 100 },
      url: { type: 'string', format: 'url' },
      notes: { type: 'string', minLength: 3, maxLength: 5 },
      config: { type: 'object' },
      steps: { type: 'array', items: { type: 'object' } },
      tags: { type: 'array', items: { type: 'string' }, minItems: 2, uniqueItems: true },
      ports: { type: 'array', items: { type: 'number' } },
      link: { type: 'object', format: 'labeled-url' },
      on: { type: 'boolean', default: true },
      code: { type: 'string', pattern: '^[A-Z]{2}$' },
    },
    required: ['url'],
  },
  relations: {
    system: { target: 'System', required: true, many: false },
    uses: { target: 'Service', required: false, many: true },
  },
} as unknown as Blueprint;

const entity = {
  identifier: 'cart',
  title: 'Cart',
  icon: null,
  blueprint: 'Service',
  team: ['checkout'],
  properties: { tier: 1, url: 'https://a.example', config: { b: 1, a: [2] }, tags: ['x', 'y'] },
  relations: { system: 'shop', uses: ['mail'] },
  scorecards: {},
  createdAt: '',
  updatedAt: '',
  createdBy: '',
  updatedBy: '',
} as Entity;

const wrong = (properties: Record<string, unknown>) =>
  check(blueprint, { ...blank(blueprint, []), properties, relations: { system: 'shop' } });

describe('controlOf', () => {
  it('has a control for every type and format', () => {
    const cases: [object, string][] = [
      [{ type: 'string' }, 'text'],
      [{ type: 'string', enum: ['a'] }, 'choice'],
      [{ type: 'number', enum: [1] }, 'choice'],
      [{ type: 'string', format: 'date-time' }, 'date-time'],
      [{ type: 'string', format: 'timer' }, 'date-time'],
      [{ type: 'string', format: 'markdown' }, 'long'],
      [{ type: 'string', format: 'yaml' }, 'code'],
      [{ type: 'string', spec: 'open-api' }, 'code'],
      [{ type: 'string', format: 'user' }, 'user'],
      [{ type: 'string', format: 'team' }, 'team'],
      [{ type: 'string', format: 'blueprints' }, 'blueprint'],
      [{ type: 'boolean' }, 'boolean'],
      [{ type: 'object' }, 'json'],
      [{ type: 'object', format: 'labeled-url' }, 'labeled-url'],
      [{ type: 'array' }, 'tags'],
      [{ type: 'array', items: { type: 'string', enum: ['a'] } }, 'choices'],
      [{ type: 'array', items: { type: 'string', format: 'user' } }, 'users'],
      [{ type: 'array', items: { type: 'object' } }, 'json'],
    ];
    for (const [property, want] of cases) expect(controlOf({ ...property } as never)).toBe(want);
  });
});

describe('check', () => {
  it('says what is needed, of properties and relations', () => {
    expect(Object.keys(check(blueprint, blank(blueprint, [])))).toEqual([
      '/properties/url',
      '/relations/system',
    ]);
  });

  it('keeps to the limits of each type', () => {
    const url = 'https://a.example';
    const bad: [Record<string, unknown>, string][] = [
      [{ url, coverage: 101 }, 'coverage'],
      [{ url, coverage: 'many' }, 'coverage'],
      [{ url: 'a.example' }, 'url'],
      [{ url, notes: 'ab' }, 'notes'],
      [{ url, notes: 'abcdef' }, 'notes'],
      [{ url, config: new JsonText('{') }, 'config'],
      [{ url, config: new JsonText('[]') }, 'config'],
      [{ url, steps: new JsonText('{}') }, 'steps'],
      [{ url, tags: ['a'] }, 'tags'],
      [{ url, tags: ['a', 'a'] }, 'tags'],
      [{ url, ports: ['http'] }, 'ports'],
      [{ url, link: { url: 'x', displayText: 'X' } }, 'link'],
      [{ url, code: 'de' }, 'code'],
    ];
    for (const [properties, field] of bad) {
      expect([properties, Object.keys(wrong(properties))]).toEqual([properties, [`/properties/${field}`]]);
    }
    expect(
      wrong({
        url,
        coverage: '80',
        config: new JsonText(' '),
        steps: new JsonText('[{}]'),
        link: { url },
        code: 'DE',
      }),
    ).toEqual({});
  });
});

describe('createBody', () => {
  it('leaves out what is empty and takes what the blueprint gives by itself', () => {
    const values = blank(blueprint, ['checkout']);
    values.properties = { ...values.properties, coverage: '80', notes: '', ports: ['80', '443'] };
    values.relations = { system: 'shop', uses: [] };
    expect(createBody(blueprint, values)).toEqual({
      team: ['checkout'],
      properties: { coverage: 80, on: true, ports: [80, 443] },
      relations: { system: 'shop' },
    });
  });
});

describe('an edit', () => {
  it('changes nothing when nothing was touched, whatever the order of keys', () => {
    const values = filled(blueprint, entity);
    values.properties.config = new JsonText('{"a":[2],"b":1}');
    expect(changesOf(blueprint, entity, values)).toEqual([]);
  });

  it('sends only what changed; null clears', () => {
    const values = filled(blueprint, entity);
    values.title = 'Cart!';
    values.team = [];
    values.properties = { ...values.properties, tier: undefined, coverage: 90 };
    values.relations = { system: 'shop', uses: [] };
    const changes = changesOf(blueprint, entity, values);
    expect(changes.map((change) => change.field.id)).toEqual(['$title', '$team', 'tier', 'coverage', 'uses']);
    expect(patchBody(changes)).toEqual({
      title: 'Cart!',
      team: [],
      properties: { tier: null, coverage: 90 },
      relations: { uses: [] },
    });
  });
});

describe('problemsOf', () => {
  it('puts what the server says beside its field', () => {
    const error = new ApiError(422, {
      details: [
        { field: '/properties/tags/1', problem: 'is there twice', expected: 'different items' },
        { field: '/relations/system', problem: 'there is no System "x"' },
        { field: '/identifier', problem: 'is taken' },
        { problem: 'too many entities' },
      ],
    });
    expect(problemsOf(error)).toEqual({
      fields: {
        '/properties/tags': 'Is there twice; expected different items',
        '/relations/system': 'There is no System "x"',
        '/identifier': 'Is taken',
      },
      others: ['Too many entities'],
    });
  });
});

describe('times', () => {
  it('go to the local clock and back', () => {
    const iso = '2026-11-23T14:02:00.000Z';
    expect(fromLocal(toLocal(iso))).toBe(iso);
    expect(toLocal('soon')).toBe('');
    expect(fromLocal('')).toBeUndefined();
  });
});
