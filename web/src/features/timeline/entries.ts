import type { components } from '~/api/schema';

export type TimelineEntry = components['schemas']['TimelineEntry'];

/** Entries by day, newest first, in the order they came. */
export function byDay(entries: TimelineEntry[]): { day: string; entries: TimelineEntry[] }[] {
  const out: { day: string; entries: TimelineEntry[] }[] = [];
  for (const entry of entries) {
    const day = new Date(entry.at).toLocaleDateString(undefined, {
      weekday: 'long',
      day: 'numeric',
      month: 'long',
      year: 'numeric',
    });
    const last = out.at(-1);
    if (last?.day === day) last.entries.push(entry);
    else out.push({ day, entries: [entry] });
  }
  return out;
}

const shownFields = 4;

/** The names of what an entry changed: a few, and how many more there are. */
export function changedFields(entry: TimelineEntry): { names: string[]; more: number } {
  const detail = entry.detail as { changes?: Record<string, unknown>; omitted?: number } | undefined;
  if (!detail?.changes || entry.verb !== 'entity.update') return { names: [], more: 0 };
  const names = Object.keys(detail.changes).map((name) => name.replace(/^(properties|relations)\./, ''));
  return {
    names: names.slice(0, shownFields),
    more: Math.max(0, names.length - shownFields) + (detail.omitted ?? 0),
  };
}

/** Where it was done and with which version, for deployments and the like. */
export function place(entry: TimelineEntry): string {
  const detail = entry.detail as Record<string, unknown> | undefined;
  return ['environment', 'version', 'problem']
    .map((name) => detail?.[name])
    .filter((value) => typeof value === 'string' && value !== '')
    .join(' · ');
}
