import type { ReactNode } from 'react';
import type { Blueprint, Entity } from '~/api/types';
import { t } from '~/strings';
import { When } from '~/ui/bits';
import type { Column } from '~/ui/DataTable';
import { EntityLink } from '~/ui/EntityLink';
import {
  derivedFields,
  metaFields,
  ownFields,
  propertyFields,
  relationFields,
  valueOf,
  type Field,
} from './fields';
import { PropertyValue, RelationValue } from './PropertyValue';

const widths: Record<string, number> = { number: 110, boolean: 100 };
const metaWidths: Record<string, number> = {
  $title: 240,
  $identifier: 180,
  $team: 150,
  $createdAt: 120,
  $updatedAt: 120,
};

/** Every column a blueprint's table can show, in the order of its schema. */
export function columnsOf(blueprint: Blueprint): Column<Entity>[] {
  const [title, identifier, ...rest] = metaFields;
  return [
    metaColumn(title!),
    metaColumn(identifier!),
    ...propertyFields(blueprint).map(propertyColumn),
    ...relationFields(blueprint).map(relationColumn),
    ...rest.map(metaColumn),
  ];
}

function propertyColumn({ id, title, kind, property }: Field): Column<Entity> {
  return {
    id,
    title,
    width: property.enum ? 140 : (widths[property.type] ?? 180),
    sort: property.type === 'object' || property.type === 'array' || kind === 'mirror' ? undefined : id,
    numeric: property.type === 'number' && !property.enum,
    cell: (entity) => <PropertyValue property={property} value={entity.properties[id]} short />,
  };
}

function relationColumn({ id, title, relation }: Field): Column<Entity> {
  return {
    id,
    title,
    width: relation!.many ? 220 : 150,
    cell: (entity) => <RelationValue relation={relation!} value={entity.relations[id]} />,
  };
}

function metaColumn(field: Field): Column<Entity> {
  return {
    id: field.id,
    title: field.title,
    width: metaWidths[field.id]!,
    sort: field.id === '$team' ? undefined : field.id,
    cell: (entity) => metaCell(entity, field),
  };
}

function metaCell(entity: Entity, field: Field): ReactNode {
  switch (field.id) {
    case '$title':
      return <EntityLink blueprint={entity.blueprint} id={entity.identifier} title={entity.title} />;
    case '$identifier':
      return <span className="mono">{entity.identifier}</span>;
    case '$team':
      return entity.team.length > 0 ? (
        entity.team.join(', ')
      ) : (
        <span className="sph-muted">{t.common.none}</span>
      );
    default:
      return <When at={String(valueOf(entity, field))} />;
  }
}

/** The columns shown when nobody chose: not the identifier, not every long text. */
export function usualColumns(blueprint: Blueprint): string[] {
  const properties = ownFields(blueprint)
    .filter(({ property }) => property.type !== 'object' && property.format !== 'markdown')
    .map(({ id }) => id);
  return [
    '$title',
    ...properties.slice(0, 5),
    ...derivedFields(blueprint)
      .slice(0, 3)
      .map(({ id }) => id),
    ...Object.keys(blueprint.relations).slice(0, 3),
    '$team',
    '$updatedAt',
  ];
}

/** The columns an address asks for, in its order and widths; the name is always first. */
export function shownColumns(
  all: Column<Entity>[],
  cols: string[] | undefined,
  usual: string[],
  dragged: Record<string, number> = {},
): Column<Entity>[] {
  const byId = new Map(all.map((column) => [column.id, column]));
  const wanted = cols ? ['$title', ...cols.filter((id) => id !== '$title')] : usual;
  return [...new Set(wanted)].flatMap((id) => {
    const column = byId.get(id);
    if (!column) return [];
    return dragged[id] ? { ...column, width: dragged[id] } : column;
  });
}
