import type { InputSchema } from '~/api/types';
import type { Values } from './schema';

const keepMillis = 24 * 60 * 60 * 1000;

/** Where the draft of a form is kept; people who share a browser do not see each other's. */
export function draftKey(user: string, action: string, entity: string | undefined): string {
  return `sphera:draft:${user}:${action}:${entity ?? ''}`;
}

/** Keeps the answers for a reload. Secrets are never written down. */
export function saveDraft(key: string, schema: InputSchema, values: Values): void {
  const kept = Object.fromEntries(
    Object.entries(values).filter(
      ([name]) => schema.properties[name] && !schema.properties[name]['x-secret'],
    ),
  );
  try {
    localStorage.setItem(key, JSON.stringify({ at: Date.now(), values: kept }));
  } catch {
    // Storage is full or switched off: the form works without a draft.
  }
}

export function loadDraft(key: string, schema: InputSchema): Values | undefined {
  try {
    const raw = localStorage.getItem(key);
    if (!raw) return undefined;
    const { at, values } = JSON.parse(raw) as { at: number; values: Values };
    if (Date.now() - at > keepMillis) {
      localStorage.removeItem(key);
      return undefined;
    }
    // The form may have changed since.
    return Object.fromEntries(Object.entries(values).filter(([name]) => schema.properties[name]));
  } catch {
    return undefined;
  }
}

export function dropDraft(key: string): void {
  try {
    localStorage.removeItem(key);
  } catch {
    // Nothing was kept.
  }
}
