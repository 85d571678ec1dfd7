import type { ApiError } from '~/api/errors';
import type { Blueprint, Entity, Property } from '~/api/types';
import { isEmpty, ownFields, relationFields, same, valueOf, type Field } from '~/features/catalog/fields';
import { t } from '~/strings';
import { tc } from '~/strings/catalog';

/** What is typed into a JSON field: kept as text while it is not JSON yet. */
export class JsonText {
  constructor(readonly text: string) {}
}

export type FormValues = {
  identifier: string;
  title: string;
  team: string[];
  properties: Record<string, unknown>;
  relations: Record<string, unknown>;
};
/** By "/properties/tier", "/identifier" and so on, as the server names fields. */
export type Problems = Record<string, string>;

export type Control =
  | 'choice'
  | 'choices'
  | 'boolean'
  | 'number'
  | 'date-time'
  | 'user'
  | 'users'
  | 'team'
  | 'teams'
  | 'blueprint'
  | 'long'
  | 'code'
  | 'labeled-url'
  | 'tags'
  | 'json'
  | 'text';

const codeFormats = new Set(['yaml', 'proto']);

/** Which control a property is filled in with. */
export function controlOf(property: Property): Control {
  const { type, format } = property;
  if (type === 'boolean') return 'boolean';
  if (type === 'object') return format === 'labeled-url' ? 'labeled-url' : 'json';
  if (type === 'array') {
    const items = (property.items ?? {}) as Property;
    if (items.enum) return 'choices';
    if (items.format === 'user') return 'users';
    if (items.format === 'team') return 'teams';
    return !items.type || items.type === 'string' || items.type === 'number' ? 'tags' : 'json';
  }
  if (property.enum) return 'choice';
  if (type === 'number') return 'number';
  if (format === 'date-time' || format === 'timer') return 'date-time';
  if (format === 'user') return 'user';
  if (format === 'team') return 'team';
  if (format === 'blueprints') return 'blueprint';
  if (format === 'markdown' || format === 'multi-line') return 'long';
  if (codeFormats.has(format ?? '') || property.spec === 'open-api' || property.spec === 'async-api')
    return 'code';
  return (property.maxLength ?? 0) > 200 ? 'long' : 'text';
}

/** A new form: what the blueprint gives by itself, and the owner's teams. */
export function blank(blueprint: Blueprint, team: string[]): FormValues {
  const properties: Record<string, unknown> = {};
  for (const { id, property } of ownFields(blueprint)) {
    if (property.default !== undefined) properties[id] = shown(property, property.default);
  }
  const direct = !blueprint.ownership || blueprint.ownership.type !== 'Inherited';
  return { identifier: '', title: '', team: direct ? team : [], properties, relations: {} };
}

export function filled(blueprint: Blueprint, entity: Entity): FormValues {
  const properties: Record<string, unknown> = {};
  for (const { id, property } of ownFields(blueprint)) {
    properties[id] = shown(property, entity.properties[id]);
  }
  return {
    identifier: entity.identifier,
    title: entity.title,
    team: entity.team,
    properties,
    relations: { ...entity.relations },
  };
}

function shown(property: Property, value: unknown): unknown {
  if (isEmpty(value)) return undefined;
  return controlOf(property) === 'json' ? new JsonText(JSON.stringify(value, null, 2)) : value;
}

/** The value as it is sent; undefined for a field that was left empty. */
export function sent(property: Property, value: unknown): unknown {
  if (value instanceof JsonText) {
    if (value.text.trim() === '') return undefined;
    try {
      return JSON.parse(value.text) as unknown;
    } catch {
      return undefined;
    }
  }
  if (property.type === 'number' && typeof value === 'string') {
    return value.trim() === '' ? undefined : Number(value);
  }
  if (controlOf(property) === 'labeled-url') {
    const link = value as { url?: string; displayText?: string } | undefined;
    if (!link?.url && !link?.displayText) return undefined;
    return link.displayText ? { url: link.url ?? '', displayText: link.displayText } : { url: link.url };
  }
  if (property.type === 'array' && Array.isArray(value)) {
    const numbers = (property.items as Property | undefined)?.type === 'number';
    const list = numbers ? value.map(Number) : value;
    return list.length > 0 ? list : undefined;
  }
  return isEmpty(value) ? undefined : value;
}

/** What is wrong, field by field; the server checks again. */
export function check(blueprint: Blueprint, values: FormValues): Problems {
  const problems: Problems = {};
  if (values.identifier && !/^[\p{L}0-9@_.+:\\/=-]+$/u.test(values.identifier)) {
    problems['/identifier'] = tc.form.wrong.identifier;
  }
  for (const field of ownFields(blueprint)) {
    const problem = checkProperty(field, values.properties[field.id]);
    if (problem) problems[`/properties/${field.id}`] = problem;
  }
  for (const field of relationFields(blueprint)) {
    if (field.required && isEmpty(values.relations[field.id])) {
      problems[`/relations/${field.id}`] = tc.form.wrong.required;
    }
  }
  return problems;
}

function checkProperty({ property, required }: Field, raw: unknown): string | undefined {
  const { wrong } = tc.form;
  if (raw instanceof JsonText && raw.text.trim() !== '') {
    try {
      const value: unknown = JSON.parse(raw.text);
      if (property.type === 'array' && !Array.isArray(value)) return wrong.array;
      if (property.type === 'object' && (Array.isArray(value) || typeof value !== 'object' || !value))
        return wrong.object;
    } catch (error) {
      return wrong.json(error instanceof Error ? error.message : '');
    }
  }
  const value = sent(property, raw);
  if (value === undefined) return required ? wrong.required : undefined;
  if (typeof value === 'number') return checkNumber(property, value);
  if (typeof value === 'string') return checkText(property, value);
  if (Array.isArray(value)) return checkList(property, value);
  if (controlOf(property) === 'labeled-url' && !isAddress((value as { url: string }).url)) return wrong.url;
  return undefined;
}

function checkNumber(property: Property, value: number): string | undefined {
  const { wrong } = tc.form;
  if (Number.isNaN(value)) return wrong.number;
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum } = property;
  if (minimum !== undefined && value < minimum) return wrong.minimum(minimum);
  if (maximum !== undefined && value > maximum) return wrong.maximum(maximum);
  if (exclusiveMinimum !== undefined && value <= exclusiveMinimum) return wrong.above(exclusiveMinimum);
  if (exclusiveMaximum !== undefined && value >= exclusiveMaximum) return wrong.below(exclusiveMaximum);
  return undefined;
}

function checkText(property: Property, value: string): string | undefined {
  const { wrong } = tc.form;
  const length = [...value].length;
  if (property.minLength !== undefined && length < property.minLength)
    return wrong.minLength(property.minLength);
  if (property.maxLength !== undefined && length > property.maxLength)
    return wrong.maxLength(property.maxLength);
  if (property.format === 'url' && !isAddress(value)) return wrong.url;
  if (property.format === 'email' && !/^[^@\s]+@[^@\s]+$/.test(value)) return wrong.email;
  if (property.pattern && !matches(property.pattern, value)) return wrong.pattern(property.pattern);
  return undefined;
}

function checkList(property: Property, value: unknown[]): string | undefined {
  const { wrong } = tc.form;
  if (value.some((item) => typeof item === 'number' && Number.isNaN(item))) return wrong.integer;
  if (property.minItems !== undefined && value.length < property.minItems)
    return wrong.minItems(property.minItems);
  if (property.maxItems !== undefined && value.length > property.maxItems)
    return wrong.maxItems(property.maxItems);
  if (property.uniqueItems && new Set(value.map((v) => JSON.stringify(v))).size < value.length)
    return wrong.unique;
  return undefined;
}

function isAddress(text: string | undefined): boolean {
  return /^([a-z][a-z0-9+.-]*:\/\/\S+|\/[^/\\]\S*)$/i.test(text ?? '');
}

function matches(pattern: string, value: string): boolean {
  try {
    return new RegExp(pattern, 'u').test(value);
  } catch {
    return true; // A pattern that Go knows and JavaScript does not: the server decides.
  }
}

type Body = {
  identifier?: string;
  title?: string | null;
  team?: string[];
  properties?: Record<string, unknown>;
  relations?: Record<string, unknown>;
};

/** A new entity as it is sent: without what was left empty. */
export function createBody(blueprint: Blueprint, values: FormValues): Body {
  const body: Body = { properties: {}, relations: {} };
  if (values.identifier) body.identifier = values.identifier;
  if (values.title.trim()) body.title = values.title.trim();
  if (values.team.length > 0) body.team = values.team;
  for (const { id, property } of ownFields(blueprint)) {
    const value = sent(property, values.properties[id]);
    if (value !== undefined) body.properties![id] = value;
  }
  for (const { id } of relationFields(blueprint)) {
    if (!isEmpty(values.relations[id])) body.relations![id] = values.relations[id];
  }
  return body;
}

export type Change = { field: Field; before: unknown; after: unknown };

const basics: Field[] = [
  { id: '$title', title: t.catalog.entityTitle, kind: 'meta', property: { type: 'string' } },
  {
    id: '$team',
    title: t.catalog.team,
    kind: 'meta',
    property: { type: 'array', items: { type: 'string', format: 'team' } },
  },
];

/** What saving would change. */
export function changesOf(blueprint: Blueprint, entity: Entity, values: FormValues): Change[] {
  const changes: Change[] = [];
  const add = (field: Field, after: unknown) => {
    const before = valueOf(entity, field);
    if (!same(before, after)) changes.push({ field, before, after });
  };
  const [title, team] = basics;
  if (values.title.trim()) add(title!, values.title.trim());
  add(team!, values.team);
  for (const field of ownFields(blueprint)) add(field, sent(field.property, values.properties[field.id]));
  for (const field of relationFields(blueprint)) add(field, values.relations[field.id]);
  return changes;
}

/** The body of a PATCH: only what changed; null clears. */
export function patchBody(changes: Change[]): Body {
  const body: Body = {};
  for (const { field, after } of changes) {
    const value = after === undefined ? null : after;
    if (field.id === '$title') body.title = value as string;
    else if (field.id === '$team') body.team = (value ?? []) as string[];
    else if (field.kind === 'relation')
      body.relations = {
        ...body.relations,
        [field.id]: isEmpty(value) ? (field.relation?.many ? [] : null) : value,
      };
    else body.properties = { ...body.properties, [field.id]: value };
  }
  return body;
}

/** Server's problems by field of the form; those of no field under ''. */
export function problemsOf(error: ApiError): { fields: Problems; others: string[] } {
  const fields: Problems = {};
  const others: string[] = [];
  for (const { field = '', problem, expected } of error.details) {
    const text = expected ? `${capital(problem)}; expected ${expected}` : capital(problem);
    const parts = (field.startsWith('/') ? field : `/${field}`).split('/');
    const key =
      parts[1] === 'properties' || parts[1] === 'relations' ? `/${parts[1]}/${parts[2]}` : `/${parts[1]}`;
    if (!parts[1]) others.push(text);
    else if (key === '/identifier' || key === '/title' || key === '/team' || parts[2]) fields[key] ??= text;
    else others.push(`${field} ${problem}`);
  }
  return { fields, others };
}

const capital = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);

/** "2026-11-23T14:02" as an input of the local zone wants it. */
export function toLocal(iso: unknown): string {
  if (typeof iso !== 'string' || !iso) return '';
  const at = new Date(iso);
  if (Number.isNaN(at.getTime())) return '';
  return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

export function fromLocal(local: string): string | undefined {
  return local ? new Date(local).toISOString() : undefined;
}
