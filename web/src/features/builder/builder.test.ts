import { describe, expect, it } from 'vitest';
import { complete, differences, dropMember, freeName, parseDoc, setMember, setRequired } from './document';
import { enumText, readEnum } from './enumText';

const service = () =>
  complete({
    identifier: 'service',
    title: 'Service',
    updatedAt: '2026-01-01T00:00:00Z',
    schema: { properties: { lang: { type: 'string', 'x-own': 1 } }, required: ['lang'] },
    kept: { by: 'others' },
  });

describe('the document of a blueprint', () => {
  it('keeps keys it does not know and drops what the portal adds', () => {
    const doc = service();
    expect(doc.kept).toEqual({ by: 'others' });
    expect(doc).not.toHaveProperty('updatedAt');
    expect(doc.relations).toEqual({});
  });

  it('tells members added, changed and removed, and nothing for the same in another order', () => {
    const before = service();
    let after = setMember(before, 'properties', 'tier', { type: 'number' });
    after = setMember(after, 'properties', 'lang', { 'x-own': 1, type: 'boolean' });
    expect(differences(before, after).map((d) => [d.kind, d.name])).toEqual([
      ['changed', 'lang'],
      ['added', 'tier'],
    ]);
    expect(
      differences(before, complete(JSON.parse(JSON.stringify(before)) as Record<string, unknown>)),
    ).toEqual([]);
  });

  it('takes a removed property out of the required ones', () => {
    expect(dropMember(service(), 'properties', 'lang').schema.required).toEqual([]);
  });

  it('marks a property required once', () => {
    expect(setRequired(service(), 'lang', true).schema.required).toEqual(['lang']);
  });

  it('finds a free name over all parts', () => {
    expect(freeName(setMember(service(), 'relations', 'relation', { target: 'service' }), 'relation')).toBe(
      'relation2',
    );
  });

  it.each([
    ['{"identifier":"a","title":"A"}', 'a'],
    ['[{"identifier":"b","title":"B"}]', 'b'],
    ['{"ok":true,"blueprint":{"identifier":"c","title":"C"}}', 'c'],
  ])('reads %s', (text, identifier) => {
    expect(parseDoc(text).doc?.identifier).toBe(identifier);
  });

  it.each([
    ['{', 'json'],
    ['3', 'shape'],
    ['apiVersion: backstage.io/v1alpha1\nkind: Component', 'yaml'],
  ])('says what is wrong with %s', (text, problem) => {
    expect(parseDoc(text).problem).toBe(problem);
  });
});

describe('allowed values as lines', () => {
  it('round-trips values and colours', () => {
    const read = readEnum('production #red\nstaging\n\nproduction', false);
    expect(read).toEqual({ enum: ['production', 'staging'], enumColors: { production: 'red' } });
    expect(enumText(read)).toBe('production #red\nstaging');
  });

  it('reads numbers as numbers and leaves out what is none', () => {
    expect(readEnum('1 #red\nx\n2.5', true)).toEqual({ enum: [1, 2.5], enumColors: { '1': 'red' } });
  });

  it('has no values without lines', () => {
    expect(readEnum(' \n', false)).toEqual({ enum: undefined, enumColors: undefined });
  });
});
