import type { Blueprint, Entity } from '~/api/types';
import { humanise } from '~/lib/words';
import { t } from '~/strings';
import { When } from '~/ui/bits';
import type { Column } from '~/ui/DataTable';
import { EntityLink } from '~/ui/EntityLink';
import { PropertyValue, RelationValue } from './PropertyValue';

const widths: Record<string, number> = { number: 110, boolean: 100 };

/** Every column a blueprint's table can show, in the order of its schema. */
export function columnsOf(blueprint: Blueprint): Column<Entity>[] {
  const properties = Object.entries(blueprint.schema.properties).map(([id, property]): Column<Entity> => ({
    id,
    title: property.title || humanise(id),
    width: property.enum ? 140 : (widths[property.type] ?? 180),
    sort: property.type === 'object' || property.type === 'array' ? undefined : id,
    numeric: property.type === 'number',
    cell: (entity) => <PropertyValue property={property} value={entity.properties[id]} short />,
  }));
  const relations = Object.entries(blueprint.relations).map(([id, relation]): Column<Entity> => ({
    id,
    title: relation.title || humanise(id),
    width: relation.many ? 220 : 150,
    cell: (entity) => <RelationValue relation={relation} value={entity.relations[id]} />,
  }));
  return [
    {
      id: '$title',
      title: t.catalog.entityTitle,
      width: 240,
      sort: '$title',
      cell: (entity) => (
        <EntityLink blueprint={entity.blueprint} id={entity.identifier} title={entity.title} />
      ),
    },
    {
      id: '$identifier',
      title: t.catalog.identifier,
      width: 180,
      sort: '$identifier',
      cell: (entity) => <span className="mono">{entity.identifier}</span>,
    },
    ...properties,
    ...relations,
    {
      id: '$team',
      title: t.catalog.team,
      width: 150,
      cell: (entity) =>
        entity.team.length > 0 ? entity.team.join(', ') : <span className="sph-muted">{t.common.none}</span>,
    },
    {
      id: '$updatedAt',
      title: t.catalog.updated,
      width: 120,
      sort: '$updatedAt',
      cell: (entity) => <When at={entity.updatedAt} />,
    },
  ];
}

/** The columns shown when nobody chose: not the identifier, not every long text. */
export function usualColumns(blueprint: Blueprint): string[] {
  const properties = Object.entries(blueprint.schema.properties)
    .filter(([, property]) => property.type !== 'object' && property.format !== 'markdown')
    .map(([id]) => id);
  return [
    '$title',
    ...properties.slice(0, 5),
    ...Object.keys(blueprint.relations).slice(0, 4),
    '$team',
    '$updatedAt',
  ];
}

/** The columns an address asks for; the name is always there. */
export function shownColumns(
  all: Column<Entity>[],
  cols: string | undefined,
  usual: string[],
): Column<Entity>[] {
  const wanted = new Set(cols ? ['$title', ...cols.split(',')] : usual);
  return all.filter((column) => wanted.has(column.id));
}
