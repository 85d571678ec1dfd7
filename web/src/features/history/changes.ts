import type { Blueprint, Version } from '~/api/types';
import { allFields, same, type Field } from '~/features/catalog/fields';
import type { ShownChange } from '~/features/entityForm/ChangeTable';
import { humanise } from '~/lib/words';
import { tc } from '~/strings/catalog';

/** The field a change is about, as "properties.tier", "relations.system" or "title" name it. */
export function fieldOfPath(blueprint: Blueprint, path: string): Field {
  const at = path.indexOf('.');
  const part = at < 0 ? '' : path.slice(0, at);
  const name = at < 0 ? path : path.slice(at + 1);
  const known = allFields(blueprint).find((field) =>
    part === 'relations'
      ? field.kind === 'relation' && field.id === name
      : part !== '' && part !== 'scorecards' && field.kind !== 'relation' && field.id === name,
  );
  const title =
    part === 'scorecards'
      ? tc.history.scorecard(humanise(name))
      : (known?.title ?? tc.history.fields[name] ?? humanise(name));
  // The path keeps two fields of one name apart.
  return { ...(known ?? { kind: 'own', property: { type: 'string' } }), id: path, title };
}

export function shownChanges(blueprint: Blueprint, changes: Version['changes']): ShownChange[] {
  return (
    Object.entries(changes)
      .map(([path, { before, after }]) => ({
        field: fieldOfPath(blueprint, path),
        before: readable(path, before),
        after: readable(path, after),
      }))
      // The rules of a scorecard can change while its level stays.
      .filter(({ before, after }) => !same(before, after))
      .sort((a, b) => a.field.title.localeCompare(b.field.title))
  );
}

/** A scorecard's result by its level; the rules are on the page itself. */
function readable(path: string, value: unknown): unknown {
  if (!path.startsWith('scorecards.') || !value || typeof value !== 'object') return value;
  return (value as { level?: string }).level ?? value;
}

/** What an undo would do: the change backwards. */
export function backwards(changes: Version['changes']): Version['changes'] {
  return Object.fromEntries(
    Object.entries(changes)
      .filter(([path]) => !path.startsWith('derived.') && !path.startsWith('scorecards.'))
      .map(([path, { before, after }]) => [path, { before: after, after: before }]),
  );
}
