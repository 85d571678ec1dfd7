import type { Hit } from '~/api/types';

const key = 'sphera-recent';
const limit = 8;

/** The entities this browser showed last, newest first. */
export function recentEntities(): Hit[] {
  try {
    const parsed: unknown = JSON.parse(localStorage.getItem(key) ?? '[]');
    return Array.isArray(parsed) ? (parsed as Hit[]) : [];
  } catch {
    return [];
  }
}

/** Remembers that an entity was shown. */
export function rememberEntity(hit: Hit): void {
  const same = (other: Hit) => other.blueprint === hit.blueprint && other.identifier === hit.identifier;
  const next = [hit, ...recentEntities().filter((other) => !same(other))].slice(0, limit);
  try {
    localStorage.setItem(key, JSON.stringify(next));
  } catch {
    // A full or forbidden storage only costs the list of recent things.
  }
}
