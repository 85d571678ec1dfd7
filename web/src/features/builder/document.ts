// The document of a blueprint as the builder edits it: plain JSON, of which it
// knows some keys and keeps the others as they are.

export type Definition = { title?: string; type?: string; [key: string]: unknown };

export type Doc = {
  identifier: string;
  title: string;
  icon?: string;
  description?: string;
  schema: { properties: Record<string, Definition>; required: string[]; [key: string]: unknown };
  relations: Record<string, Definition>;
  mirrorProperties: Record<string, Definition>;
  calculationProperties: Record<string, Definition>;
  aggregationProperties: Record<string, Definition>;
  ownership?: { type: string; path?: string; title?: string };
  [key: string]: unknown;
};

/** The parts of a document whose members have names. */
export type Part =
  | 'properties'
  | 'relations'
  | 'mirrorProperties'
  | 'calculationProperties'
  | 'aggregationProperties';

export const parts: Part[] = [
  'properties',
  'relations',
  'mirrorProperties',
  'calculationProperties',
  'aggregationProperties',
];

/** What the portal adds by itself. */
const added = ['createdAt', 'updatedAt', 'createdBy', 'updatedBy', 'entityCount'];

export const emptyDoc = (): Doc => complete({ identifier: '', title: '' });

/** A document with all its parts, without what the portal adds. */
export function complete(raw: Record<string, unknown>): Doc {
  const doc = { ...raw };
  for (const key of added) delete doc[key];
  const schema = isRecord(doc.schema) ? doc.schema : {};
  return {
    ...doc,
    identifier: typeof doc.identifier === 'string' ? doc.identifier : '',
    title: typeof doc.title === 'string' ? doc.title : '',
    schema: {
      ...schema,
      properties: definitions(schema.properties),
      required: Array.isArray(schema.required) ? schema.required.map(String) : [],
    },
    relations: definitions(doc.relations),
    mirrorProperties: definitions(doc.mirrorProperties),
    calculationProperties: definitions(doc.calculationProperties),
    aggregationProperties: definitions(doc.aggregationProperties),
  };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function definitions(value: unknown): Record<string, Definition> {
  if (!isRecord(value)) return {};
  return Object.fromEntries(
    Object.entries(value).filter((entry): entry is [string, Definition] => isRecord(entry[1])),
  );
}

export const members = (doc: Doc, part: Part): Record<string, Definition> =>
  part === 'properties' ? doc.schema.properties : doc[part];

export function withMembers(doc: Doc, part: Part, next: Record<string, Definition>): Doc {
  return part === 'properties'
    ? { ...doc, schema: { ...doc.schema, properties: next } }
    : { ...doc, [part]: next };
}

/** The document with one member set. */
export const setMember = (doc: Doc, part: Part, name: string, definition: Definition): Doc =>
  withMembers(doc, part, { ...members(doc, part), [name]: definition });

/** The document without one member. */
export function dropMember(doc: Doc, part: Part, name: string): Doc {
  const next = { ...members(doc, part) };
  delete next[name];
  const out = withMembers(doc, part, next);
  if (part !== 'properties') return out;
  return setRequired(out, name, false);
}

export function setRequired(doc: Doc, name: string, required: boolean): Doc {
  const others = doc.schema.required.filter((other) => other !== name);
  return { ...doc, schema: { ...doc.schema, required: required ? [...others, name] : others } };
}

/** A copy of a definition in which keys without a value are left out. */
export function change(definition: Definition, set: Record<string, unknown>): Definition {
  const out: Definition = { ...definition, ...set };
  for (const [key, value] of Object.entries(set)) {
    if (value === undefined || value === '' || (Array.isArray(value) && value.length === 0)) delete out[key];
  }
  return out;
}

/** A free name in a part, e.g. property, property2. */
export function freeName(doc: Doc, wish: string): string {
  const taken = new Set(parts.flatMap((part) => Object.keys(members(doc, part))));
  if (!taken.has(wish)) return wish;
  let n = 2;
  while (taken.has(`${wish}${n}`)) n++;
  return `${wish}${n}`;
}

export type Difference = {
  part: Part | 'blueprint';
  name: string;
  kind: 'added' | 'removed' | 'changed';
  before?: unknown;
  after?: unknown;
};

const same = (a: unknown, b: unknown) => stable(a) === stable(b);

/** JSON with sorted keys. */
export function stable(value: unknown): string {
  return JSON.stringify(value, (_, v: unknown) =>
    isRecord(v)
      ? Object.fromEntries(Object.entries(v).sort(([a], [b]) => (a < b ? -1 : 1)))
      : (v as string | number | boolean | null | undefined),
  );
}

/** What is different between two documents, member by member. */
export function differences(before: Doc, after: Doc): Difference[] {
  const out: Difference[] = [];
  const compare = (part: Difference['part'], name: string, a: unknown, b: unknown) => {
    if (same(a, b)) return;
    const kind = a === undefined ? 'added' : b === undefined ? 'removed' : 'changed';
    out.push({ part, name, kind, before: a, after: b });
  };
  const known = new Set<string>([...parts, 'schema', 'identifier']);
  for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
    if (!known.has(key)) compare('blueprint', key, before[key], after[key]);
  }
  for (const part of parts) {
    const a = members(before, part);
    const b = members(after, part);
    for (const name of new Set([...Object.keys(a), ...Object.keys(b)])) compare(part, name, a[name], b[name]);
  }
  const required = (doc: Doc) => [...doc.schema.required].sort();
  compare('blueprint', 'required', required(before), required(after));
  return out;
}

/** Reads a pasted document: a blueprint as Port writes it. */
export function parseDoc(text: string): { doc?: Doc; problem?: 'json' | 'shape' | 'yaml' } {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { problem: /^\s*(apiVersion|kind)\s*:/m.test(text) ? 'yaml' : 'json' };
  }
  if (Array.isArray(value) && value.length === 1) [value] = value;
  if (!isRecord(value)) return { problem: 'shape' };
  if (isRecord(value.blueprint)) value = value.blueprint;
  return isRecord(value) ? { doc: complete(value) } : { problem: 'shape' };
}
