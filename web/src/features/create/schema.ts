import { Validator, type Schema } from '@cfworker/json-schema';
import type { InputProperty, InputSchema } from '~/api/types';
import { tw } from '~/strings/work';

export type Values = Record<string, unknown>;
export type Problems = Record<string, string>;
export type Field = InputProperty & { name: string; required: boolean };

/** The fields in the order of the form. */
export function fieldsOf(schema: InputSchema): Field[] {
  const names = schema['x-order'] ?? Object.keys(schema.properties);
  return names.flatMap((name) => {
    const property = schema.properties[name];
    return property ? [{ ...property, name, required: schema.required.includes(name) }] : [];
  });
}

/** The values a new form starts with. */
export function defaults(schema: InputSchema): Values {
  const values: Values = {};
  for (const field of fieldsOf(schema)) {
    if (field.default !== undefined) values[field.name] = field.default;
  }
  return values;
}

/** The input as it is sent: without what was left empty. */
export function inputOf(schema: InputSchema, values: Values): Values {
  const input: Values = {};
  for (const { name } of fieldsOf(schema)) {
    const value = values[name];
    if (value === undefined || value === null || value === '') continue;
    if (Array.isArray(value) && value.length === 0) continue;
    input[name] = value;
  }
  return input;
}

/** What is wrong with the answers, by field, in words. The server checks again. */
export function check(schema: InputSchema, values: Values): Problems {
  const problems: Problems = {};
  const input = inputOf(schema, values);
  for (const field of fieldsOf(schema)) {
    const value = input[field.name];
    if (value === undefined) {
      if (field.required) problems[field.name] = tw.create.problems.required;
      continue;
    }
    const keyword = failedKeyword(field, value);
    if (keyword) problems[field.name] = problemText(field, keyword);
  }
  return problems;
}

function failedKeyword(field: Field, value: unknown): string | undefined {
  try {
    const result = new Validator(field as unknown as Schema, '2020-12', true).validate(value);
    return result.valid ? undefined : result.errors.at(-1)?.keyword;
  } catch {
    // A pattern that Go knows and JavaScript does not: the server decides.
    return undefined;
  }
}

function problemText(field: Field, keyword: string): string {
  const words = tw.create.problems;
  switch (keyword) {
    case 'pattern':
      return field['x-pattern-help'] ? `Expected: ${field['x-pattern-help']}` : words.pattern;
    case 'minLength':
      return words.minLength(field.minLength ?? 0);
    case 'maxLength':
      return words.maxLength(field.maxLength ?? 0);
    case 'minimum':
      return words.minimum(field.minimum ?? 0);
    case 'maximum':
      return words.maximum(field.maximum ?? 0);
    case 'enum':
      return words.choice;
    case 'type':
      return field.type === 'integer' ? words.whole : field.type === 'number' ? words.number : words.other;
    default:
      return words.other;
  }
}

/** Reads an answer from an address, e.g. ?replicas=3. */
export function fromText(field: InputProperty, text: string): unknown {
  switch (field.type) {
    case 'boolean':
      return text === 'true' || text === '1';
    case 'integer':
    case 'number': {
      const value = Number(text);
      return Number.isFinite(value) ? value : undefined;
    }
    case 'array':
      return text.split(',').filter(Boolean);
    default:
      return text;
  }
}

/** Whether a text field gets several lines. */
export function isLong(field: InputProperty): boolean {
  return field.format === 'multiline' || field.format === 'markdown' || (field.maxLength ?? 0) > 255;
}
