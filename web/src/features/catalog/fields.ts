import type { Blueprint, Entity, Property, Relation } from '~/api/types';
import { humanise } from '~/lib/words';
import { t } from '~/strings';

export type FieldKind = 'own' | 'mirror' | 'calculation' | 'aggregation' | 'relation' | 'meta';

/** Everything an entity of a blueprint can be asked for, however it comes about. */
export type Field = {
  id: string;
  title: string;
  kind: FieldKind;
  property: Property;
  relation?: Relation;
  required?: boolean;
};

const meta = (id: string, title: string, property: Property): Field => ({
  id,
  title,
  kind: 'meta',
  property,
});

export const metaFields: Field[] = [
  meta('$title', t.catalog.entityTitle, { type: 'string' }),
  meta('$identifier', t.catalog.identifier, { type: 'string' }),
  meta('$team', t.catalog.team, { type: 'array', items: { type: 'string', format: 'team' } }),
  meta('$createdAt', t.catalog.created, { type: 'string', format: 'date-time' }),
  meta('$updatedAt', t.catalog.updated, { type: 'string', format: 'date-time' }),
];

const titled = (id: string, title: string | undefined) => title || humanise(id);

export function ownFields(blueprint: Blueprint): Field[] {
  const required = new Set(blueprint.schema.required);
  return Object.entries(blueprint.schema.properties).map(([id, property]) => ({
    id,
    title: titled(id, property.title),
    kind: 'own',
    property,
    required: required.has(id),
  }));
}

export function relationFields(blueprint: Blueprint): Field[] {
  return Object.entries(blueprint.relations).map(([id, relation]) => ({
    id,
    title: titled(id, relation.title),
    kind: 'relation',
    property: { type: relation.many ? 'array' : 'string', description: relation.description },
    relation,
    required: relation.required,
  }));
}

/** Mirrors have the type of what they mirror; it shows in their values. */
export function derivedFields(blueprint: Blueprint): Field[] {
  const mirrors = Object.entries(blueprint.mirrorProperties ?? {}).map(([id, mirror]): Field => ({
    id,
    title: titled(id, mirror.title),
    kind: 'mirror',
    property: { type: 'string' },
  }));
  const calculations = Object.entries(blueprint.calculationProperties ?? {}).map(
    ([id, calculation]): Field => ({
      id,
      title: titled(id, calculation.title),
      kind: 'calculation',
      property: {
        type: calculation.type,
        format: calculation.format,
        description: calculation.description,
        items: calculation.items,
        ...(calculation.colorized && calculation.colors
          ? { enum: Object.keys(calculation.colors), enumColors: calculation.colors }
          : {}),
      },
    }),
  );
  const aggregations = Object.entries(blueprint.aggregationProperties ?? {}).map(
    ([id, aggregation]): Field => ({
      id,
      title: titled(id, aggregation.title),
      kind: 'aggregation',
      property: { type: 'number', description: aggregation.description },
    }),
  );
  return [...mirrors, ...calculations, ...aggregations];
}

/** All properties, own ones first. */
export function propertyFields(blueprint: Blueprint): Field[] {
  return [...ownFields(blueprint), ...derivedFields(blueprint)];
}

export function allFields(blueprint: Blueprint): Field[] {
  return [...metaFields, ...propertyFields(blueprint), ...relationFields(blueprint)];
}

/** What an entity has in a field. */
export function valueOf(entity: Entity, field: Pick<Field, 'id' | 'kind'>): unknown {
  if (field.kind === 'relation') return entity.relations[field.id];
  if (field.kind !== 'meta') return entity.properties[field.id];
  switch (field.id) {
    case '$title':
      return entity.title;
    case '$identifier':
      return entity.identifier;
    case '$team':
      return entity.team;
    case '$createdAt':
      return entity.createdAt;
    default:
      return entity.updatedAt;
  }
}

export function isEmpty(value: unknown): boolean {
  return (
    value === undefined || value === null || value === '' || (Array.isArray(value) && value.length === 0)
  );
}

/** Two values that are written alike are the same. */
export function same(a: unknown, b: unknown): boolean {
  if (isEmpty(a) && isEmpty(b)) return true;
  return canonical(a) === canonical(b);
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    inner && typeof inner === 'object' && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
