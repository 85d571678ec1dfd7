// The difference of two short texts by lines, as a unified diff.

type Line = { sign: ' ' | '+' | '-'; text: string };

const around = 3;

function compare(before: string[], after: string[]): Line[] {
  // Lengths of the longest common rest from each pair of lines on.
  const rest = Array.from({ length: before.length + 1 }, () => new Array<number>(after.length + 1).fill(0));
  for (let i = before.length - 1; i >= 0; i--) {
    for (let j = after.length - 1; j >= 0; j--) {
      rest[i]![j] =
        before[i] === after[j] ? rest[i + 1]![j + 1]! + 1 : Math.max(rest[i + 1]![j]!, rest[i]![j + 1]!);
    }
  }
  const lines: Line[] = [];
  let i = 0;
  let j = 0;
  while (i < before.length || j < after.length) {
    if (i < before.length && j < after.length && before[i] === after[j]) {
      lines.push({ sign: ' ', text: before[i]! });
      i++;
      j++;
    } else if (i < before.length && (j >= after.length || rest[i + 1]![j]! >= rest[i]![j + 1]!)) {
      lines.push({ sign: '-', text: before[i++]! });
    } else {
      lines.push({ sign: '+', text: after[j++]! });
    }
  }
  return lines;
}

export type TextDiff = { patch: string; added: number; removed: number };

/** Beyond this the difference is shown as one block: the work grows with the square. */
const longest = 2000;

export function diffLines(before: string, after: string): TextDiff {
  const old = before.split('\n');
  const now = after.split('\n');
  const lines =
    old.length > longest || now.length > longest
      ? [...old.map((text): Line => ({ sign: '-', text })), ...now.map((text): Line => ({ sign: '+', text }))]
      : compare(old, now);
  const near = (at: number) =>
    lines.slice(Math.max(0, at - around), at + around + 1).some((line) => line.sign !== ' ');
  const out: string[] = [];
  let hunk: Line[] = [];
  let start = { old: 1, now: 1 };
  let at = { old: 1, now: 1 };
  const flush = () => {
    if (hunk.length === 0) return;
    const oldLines = hunk.filter((line) => line.sign !== '+').length;
    const newLines = hunk.filter((line) => line.sign !== '-').length;
    out.push(`@@ -${start.old},${oldLines} +${start.now},${newLines} @@`);
    for (const line of hunk) out.push(line.sign + line.text);
    hunk = [];
  };
  lines.forEach((line, i) => {
    if (near(i)) {
      if (hunk.length === 0) start = { ...at };
      hunk.push(line);
    } else flush();
    if (line.sign !== '+') at.old++;
    if (line.sign !== '-') at.now++;
  });
  flush();
  return {
    patch: out.length > 0 ? `${out.join('\n')}\n` : '',
    added: lines.filter((line) => line.sign === '+').length,
    removed: lines.filter((line) => line.sign === '-').length,
  };
}

/** JSON with its members in order of name, so that only what differs differs. */
export function stableJson(value: unknown): string {
  const sort = (part: unknown): unknown => {
    if (Array.isArray(part)) return part.map(sort);
    if (part && typeof part === 'object') {
      return Object.fromEntries(
        Object.entries(part)
          .sort(([a], [b]) => (a < b ? -1 : 1))
          .map(([key, inner]) => [key, sort(inner)]),
      );
    }
    return part;
  };
  return JSON.stringify(sort(value), null, 2) ?? '';
}
