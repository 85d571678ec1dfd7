import type { FirstAnswer } from '~/api/types';

type Row = FirstAnswer['last'][number];

/** The steps of all rows, the one that takes longest first. */
export function stepsOf(rows: Row[]): string[] {
  return medianParts(rows).map(([step]) => step);
}

/** The median of each step over all rows that have it, longest first. */
export function medianParts(rows: Row[]): [string, number][] {
  const values = new Map<string, number[]>();
  for (const row of rows) {
    for (const [step, millis] of Object.entries(row.parts ?? {})) {
      values.set(step, [...(values.get(step) ?? []), millis]);
    }
  }
  return [...values]
    .map(([step, all]): [string, number] => [step, median(all)])
    .sort(([, a], [, b]) => b - a);
}

export function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  if (sorted.length % 2 === 1) return sorted[middle] ?? 0;
  return ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
}
