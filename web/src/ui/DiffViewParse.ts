/** One line of a diff. `old` and `new` are line numbers; absent on the other side. */
export interface DiffLine {
  kind: 'context' | 'add' | 'remove' | 'note';
  text: string;
  old?: number;
  new?: number;
  /** The part of the line that differs from its counterpart, as [start, end). */
  changed?: [number, number];
}

export interface Hunk {
  heading: string;
  lines: DiffLine[];
}

export interface ParsedDiff {
  hunks: Hunk[];
  lineCount: number;
  /** Lines left out because the diff is longer than the limit. */
  omitted: number;
}

/** Two lines side by side; either may be absent. */
export interface SplitRow {
  left?: DiffLine;
  right?: DiffLine;
}

const HUNK = /^@@ -(\d{1,9})(?:,(\d{1,9}))? \+(\d{1,9})(?:,(\d{1,9}))? @@ ?(.*)$/;
const FILE_HEADER =
  /^(diff --git |index [0-9a-f]|(new|deleted) file mode |(old|new) mode |similarity index |rename (from|to) |Binary files )/;

/** More lines than this are never turned into rows. */
export const MAX_LINES = 20_000;

/**
 * Reads the hunks of a unified diff. A patch comes from a repository and can
 * say anything, so counts in the hunk headings only tell headers from content:
 * a line that carries a sign is never dropped because a heading lied about it.
 */
export function parseDiff(patch: string, limit = MAX_LINES): ParsedDiff {
  const hunks: Hunk[] = [];
  const raw = splitLines(patch);
  let hunk: Hunk | undefined;
  let oldLine = 0;
  let newLine = 0;
  let oldLeft = 0;
  let newLeft = 0;
  let lineCount = 0;
  let omitted = 0;

  for (let i = 0; i < raw.length; i++) {
    const line = raw[i] as string;
    const inside = oldLeft > 0 || newLeft > 0;
    const heading = HUNK.exec(line);
    if (heading) {
      oldLine = Number(heading[1]);
      newLine = Number(heading[3]);
      oldLeft = Number(heading[2] ?? 1);
      newLeft = Number(heading[4] ?? 1);
      hunk = { heading: heading[5] ?? '', lines: [] };
      hunks.push(hunk);
      continue;
    }
    if (!hunk) continue;
    if (!inside && (FILE_HEADER.test(line) || isFileHeader(raw, i))) {
      hunk = undefined;
      continue;
    }
    const parsed = readLine(line, oldLine, newLine);
    if (!parsed) continue;
    if (parsed.old !== undefined) {
      oldLine++;
      oldLeft--;
    }
    if (parsed.new !== undefined) {
      newLine++;
      newLeft--;
    }
    if (lineCount >= limit) {
      omitted++;
      continue;
    }
    lineCount++;
    hunk.lines.push(parsed);
  }
  for (const h of hunks) markChanged(h.lines);
  return { hunks, lineCount, omitted };
}

function splitLines(patch: string): string[] {
  const lines = patch.split('\n');
  if (lines.at(-1) === '') lines.pop();
  return lines;
}

function isFileHeader(raw: string[], i: number): boolean {
  return (raw[i] as string).startsWith('--- ') && (raw[i + 1] ?? '').startsWith('+++ ');
}

function readLine(line: string, oldLine: number, newLine: number): DiffLine | undefined {
  const text = line.slice(1);
  switch (line[0]) {
    case '+':
      return { kind: 'add', text, new: newLine };
    case '-':
      return { kind: 'remove', text, old: oldLine };
    case '\\':
      return { kind: 'note', text: text.trim() };
    case ' ':
      return { kind: 'context', text, old: oldLine, new: newLine };
    case undefined:
      // Some tools strip the blank of an empty context line.
      return { kind: 'context', text: '', old: oldLine, new: newLine };
    default:
      return undefined;
  }
}

/** Finds, for runs of removed lines followed by as many added ones, what differs within each pair. */
function markChanged(lines: DiffLine[]): void {
  let i = 0;
  while (i < lines.length) {
    if (lines[i]?.kind !== 'remove') {
      i++;
      continue;
    }
    const removed = runOf(lines, i, 'remove');
    const added = runOf(lines, i + removed, 'add');
    if (removed === added) {
      for (let n = 0; n < removed; n++) {
        markPair(lines[i + n] as DiffLine, lines[i + removed + n] as DiffLine);
      }
    }
    i += removed + added;
  }
}

function runOf(lines: DiffLine[], from: number, kind: DiffLine['kind']): number {
  let n = 0;
  while (lines[from + n]?.kind === kind) n++;
  return n;
}

const MAX_MARKED = 2_000;

function markPair(a: DiffLine, b: DiffLine): void {
  if (a.text.length > MAX_MARKED || b.text.length > MAX_MARKED) return;
  const shorter = Math.min(a.text.length, b.text.length);
  let start = 0;
  while (start < shorter && a.text[start] === b.text[start]) start++;
  let end = 0;
  while (end < shorter - start && a.text.at(-1 - end) === b.text.at(-1 - end)) end++;
  // Marking nearly all of a line says nothing.
  if (start + end < shorter * 0.3) return;
  if (a.text.length - end > start) a.changed = [start, a.text.length - end];
  if (b.text.length - end > start) b.changed = [start, b.text.length - end];
}

/** Pairs removed with added lines for the view side by side. */
export function splitRows(lines: DiffLine[]): SplitRow[] {
  const rows: SplitRow[] = [];
  let i = 0;
  while (i < lines.length) {
    const line = lines[i] as DiffLine;
    if (line.kind === 'context' || line.kind === 'note') {
      rows.push({ left: line, right: line });
      i++;
      continue;
    }
    const removed = runOf(lines, i, 'remove');
    const added = runOf(lines, i + removed, 'add');
    for (let n = 0; n < Math.max(removed, added); n++) {
      rows.push({
        left: n < removed ? lines[i + n] : undefined,
        right: n < added ? lines[i + removed + n] : undefined,
      });
    }
    i += Math.max(removed + added, 1);
  }
  return rows;
}

// Characters that change how the text around them is shown, so that a reviewer
// would read something else than what runs. See "Trojan Source", CVE-2021-42574.
const DECEPTIVE =
  // oxlint-disable-next-line no-control-regex -- they are what is looked for
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

/** Makes characters visible that would hide or reorder text; carriage returns at the end are dropped. */
export function visible(text: string): string {
  return text
    .replace(/\r$/, '')
    .replace(DECEPTIVE, (c) => `‹U+${c.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}›`);
}
