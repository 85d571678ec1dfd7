import { queryOptions } from '@tanstack/react-query';
import { api } from '~/api/client';
import { humanise } from '~/lib/words';

// As much of OpenAPI 3.1 as the portal's own description uses.

export type Schema = {
  $ref?: string;
  type?: string | string[];
  format?: string;
  title?: string;
  description?: string;
  enum?: unknown[];
  const?: unknown;
  default?: unknown;
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  additionalProperties?: Schema | boolean;
  allOf?: Schema[];
  anyOf?: Schema[];
  oneOf?: Schema[];
};
export type Parameter = {
  name: string;
  in: string;
  required?: boolean;
  description?: string;
  schema?: Schema;
};
type Content = Record<string, { schema?: Schema; example?: unknown }>;
export type Response = { description?: string; content?: Content };
export type Operation = {
  id: string;
  method: string;
  path: string;
  summary?: string;
  description?: string;
  tag: string;
  parameters: Parameter[];
  body?: Schema;
  responses: [string, Response][];
};
export type Document = {
  info: { title: string; version: string; description?: string };
  paths: Record<string, Record<string, unknown>>;
  components?: {
    schemas?: Record<string, Schema>;
    parameters?: Record<string, Parameter>;
    responses?: Record<string, Response>;
  };
};

export const openApiQuery = queryOptions({
  queryKey: ['openapi'],
  // The document does not describe itself.
  queryFn: async ({ signal }) => (await api.get('/v1/openapi.json', { signal })) as unknown as Document,
  staleTime: Infinity,
});

const methods = ['get', 'post', 'put', 'patch', 'delete'];

type RawOperation = {
  operationId?: string;
  summary?: string;
  description?: string;
  tags?: string[];
  parameters?: (Parameter | { $ref: string })[];
  requestBody?: { content?: Content };
  responses?: Record<string, Response | { $ref: string }>;
};

function pointed<T>(document: Document, value: T | { $ref: string }): T | undefined {
  if (!value || typeof value !== 'object' || !('$ref' in value)) return value as T;
  let found: unknown = document;
  for (const part of String(value.$ref).replace(/^#\//, '').split('/')) {
    found = (found as Record<string, unknown> | undefined)?.[part];
  }
  return found as T | undefined;
}

/** Every operation of the document, in its order. */
export function operationsOf(document: Document, otherTag: string): Operation[] {
  const out: Operation[] = [];
  for (const [path, item] of Object.entries(document.paths)) {
    const shared = (item.parameters ?? []) as (Parameter | { $ref: string })[];
    for (const method of methods) {
      const raw = item[method] as RawOperation | undefined;
      if (!raw) continue;
      const parameters = [...shared, ...(raw.parameters ?? [])].map((p) => pointed<Parameter>(document, p));
      out.push({
        id: raw.operationId ?? `${method} ${path}`,
        method: method.toUpperCase(),
        path,
        summary: raw.summary,
        description: raw.description,
        tag: raw.tags?.[0] ? humanise(raw.tags[0]) : otherTag,
        parameters: parameters.filter((p) => p !== undefined),
        body: Object.values(raw.requestBody?.content ?? {})[0]?.schema,
        responses: Object.entries(raw.responses ?? {}).map(([status, response]) => [
          status,
          pointed<Response>(document, response) ?? {},
        ]),
      });
    }
  }
  return out;
}

/** Operations by tag, those with the text in path, summary or id. */
export function groupByTag(operations: Operation[], text = '', untagged = ''): [string, Operation[]][] {
  const wanted = text.trim().toLowerCase();
  const groups = new Map<string, Operation[]>();
  for (const operation of operations) {
    const searched =
      `${operation.method} ${operation.path} ${operation.summary ?? ''} ${operation.id}`.toLowerCase();
    if (wanted && !searched.includes(wanted)) continue;
    groups.set(operation.tag, [...(groups.get(operation.tag) ?? []), operation]);
  }
  // What has no tag is the least interesting.
  return [...groups].sort(([a], [b]) => Number(a === untagged) - Number(b === untagged));
}

/** The schema behind a reference, with its name. */
export function resolve(document: Document, schema: Schema): { schema: Schema; name?: string } {
  if (!schema.$ref) return { schema };
  const name = schema.$ref.split('/').at(-1);
  return { schema: pointed<Schema>(document, schema as { $ref: string }) ?? {}, name };
}

/** "string", "array of Run", "one of open, merged, closed". */
export function typeText(schema: Schema | undefined): string {
  if (!schema) return 'any';
  if (schema.$ref) return schema.$ref.split('/').at(-1) ?? 'object';
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(' | ');
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  const variants = schema.oneOf ?? schema.anyOf ?? schema.allOf;
  if (variants) return variants.map(typeText).join(schema.allOf ? ' & ' : ' | ');
  const type = Array.isArray(schema.type) ? schema.type.join(' | ') : (schema.type ?? 'any');
  if (type === 'array') return `array of ${typeText(schema.items)}`;
  return schema.format ? `${type} (${schema.format})` : type;
}

const deepest = 4;

/** A value that fits a schema, for examples. */
export function exampleOf(document: Document, schema: Schema | undefined, depth = 0): unknown {
  if (!schema || depth > deepest) return {};
  const { schema: real } = resolve(document, schema);
  if (real.default !== undefined) return real.default;
  if (real.const !== undefined) return real.const;
  if (real.enum) return real.enum[0];
  const variant = (real.oneOf ?? real.anyOf)?.[0];
  if (variant) return exampleOf(document, variant, depth + 1);
  const type = Array.isArray(real.type) ? real.type.find((each) => each !== 'null') : real.type;
  switch (type) {
    case 'string':
      return real.format === 'date-time' ? '2026-11-23T12:00:00Z' : 'text';
    case 'integer':
    case 'number':
      return 1;
    case 'boolean':
      return true;
    case 'array':
      return [exampleOf(document, real.items, depth + 1)];
    default:
      return Object.fromEntries(
        Object.entries(real.properties ?? {}).map(([name, property]) => [
          name,
          exampleOf(document, property, depth + 1),
        ]),
      );
  }
}

/** The command line that makes a call. */
export function curlOf(document: Document, operation: Operation, origin: string): string {
  const query = operation.parameters.filter((p) => p.in === 'query' && p.required).map((p) => `${p.name}=…`);
  const address = `${origin}${operation.path.replace(/\{(\w+)\}/g, (_, name: string) => name.toUpperCase())}`;
  const lines = [
    `curl ${operation.method === 'GET' ? '' : `-X ${operation.method} `}'${address}${query.length > 0 ? `?${query.join('&')}` : ''}'`,
    `  -H "Authorization: Bearer $SPHERA_TOKEN"`,
  ];
  if (operation.body) {
    lines.push(`  -H 'Content-Type: application/json'`);
    lines.push(`  -d '${JSON.stringify(exampleOf(document, operation.body))}'`);
  }
  return lines.join(' \\\n');
}
