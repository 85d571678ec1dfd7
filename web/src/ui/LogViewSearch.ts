import { useMemo } from 'react';
import type { LogLine } from '~/api/types';
import { plainText } from './LogViewLine';

// Lines never change, so what was worked out for one is kept as long as it is.
const lowered = new WeakMap<LogLine, string>();

function lower(line: LogLine): string {
  let text = lowered.get(line);
  if (text === undefined) {
    text = plainText(line.text).toLowerCase();
    lowered.set(line, text);
  }
  return text;
}

/** The indexes of the lines that contain `query`; undefined without a query. */
export function useMatches(lines: LogLine[], query: string): number[] | undefined {
  return useMemo(() => {
    const needle = query.toLowerCase();
    if (!needle) return undefined;
    const found: number[] = [];
    lines.forEach((line, i) => {
      if (lower(line).includes(needle)) found.push(i);
    });
    return found;
  }, [lines, query]);
}

const failure = /(^|[^a-z])(error|errors|fatal|panic|failed|failure|exception)([^a-z]|$)/;
const harmless = /\b(0|no) (errors?|failed|failures?)\b/;

/** Whether a line looks like the report of an error. */
export function looksLikeError(line: LogLine): boolean {
  const text = lower(line);
  return failure.test(text) && !harmless.test(text);
}

/** The number of the line in the address, as in #L12. */
export function linkedLine(hash: string): number | undefined {
  const found = /^#L(\d{1,9})$/.exec(hash);
  return found ? Number(found[1]) : undefined;
}
