import { queryOptions } from '@tanstack/react-query';
import { call } from '~/api/client';
import type { Entity } from '~/api/types';
import type { Definition, Doc } from './document';

/** What saving a changed blueprint would do; see the route's description. */
export type Preview = {
  /** How many entities are worked out again. */
  entities: number;
  migrations: Migration[];
  /** Properties that go, with how many values they have. */
  lost: { property: string; values: number }[];
  /** Real entities as they would be. */
  samples: Entity[];
};

export type Migration = {
  property: string;
  from: string;
  to: string;
  converts: number;
  fails: number;
  examples: { identifier: string; value: unknown; problem: string }[];
};

export const previewQuery = (doc: Doc) =>
  queryOptions({
    queryKey: ['blueprint', doc.identifier, 'preview', doc],
    queryFn: async ({ signal }) =>
      (
        await call<{ preview: Preview }>(
          'POST',
          '/v1/blueprints/{bp}/preview',
          { path: { bp: doc.identifier }, signal },
          { blueprint: doc },
        )
      ).preview,
    retry: false,
    staleTime: 30_000,
  });

export const saveBlueprint = (doc: Doc, isNew: boolean, dropFailing: boolean) =>
  isNew
    ? call<{ blueprint: Record<string, unknown> }>('POST', '/v1/blueprints', {}, doc)
    : call<{ blueprint: Record<string, unknown> }>(
        'PUT',
        '/v1/blueprints/{bp}',
        { path: { bp: doc.identifier }, query: { drop_failing: dropFailing } },
        doc,
      );

const renameRoutes: Record<string, { path: string; key: string }> = {
  properties: { path: 'properties/{name}', key: 'newPropertyName' },
  mirrorProperties: { path: 'mirror/{name}', key: 'newMirrorName' },
  relations: { path: 'relations/{name}', key: 'newRelationIdentifier' },
};

export const renameMember = (bp: string, part: string, name: string, to: string) => {
  const route = renameRoutes[part];
  if (!route) throw new Error(`${part} cannot be renamed`);
  return call<{ blueprint: Record<string, unknown> }>(
    'PATCH',
    `/v1/blueprints/{bp}/${route.path}/rename`,
    { path: { bp, name } },
    { [route.key]: to },
  );
};

/** What a rename would change elsewhere, and what has to be changed by hand. */
export const renamePreviewQuery = (bp: string, part: string, old: string, to: string) =>
  queryOptions({
    queryKey: ['blueprint', bp, 'rename', part, old, to],
    queryFn: ({ signal }) =>
      call<{ followed: string[]; left: string[] }>(
        'POST',
        '/v1/blueprints/{bp}/rename-preview',
        { path: { bp }, signal },
        { what: part === 'relations' ? 'relation' : 'property', old, new: to },
      ),
    enabled: to !== '' && to !== old,
    retry: false,
    staleTime: 10_000,
  });

export type JqAnswer = { value?: unknown; error?: string; micros: number };

export const tryJq = (body: {
  expression: string;
  blueprint?: string;
  identifier?: string;
  input?: unknown;
}) => call<JqAnswer>('POST', '/v1/jq', {}, body);

/** The blueprints that a document in another program's format becomes. */
export const convert = async (text: string): Promise<Definition[]> =>
  (
    await call<{ blueprints: Definition[] }>(
      'POST',
      '/v1/convert',
      { query: { format: 'backstage' } },
      { files: [{ name: 'catalog-info.yaml', content: text }] },
    )
  ).blueprints;
