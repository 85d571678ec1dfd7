import { Button } from '@mantine/core';
import { memo, useMemo, useState, type ReactNode } from 'react';
import { tw } from '~/strings/work';
import { parseDiff, splitRows, visible, type DiffLine, type Hunk, type ParsedDiff } from './DiffViewParse';
import classes from './DiffView.module.css';

export type DiffMode = 'unified' | 'split';

/** Rows shown before the reader asks for more. */
const PAGE = 1_000;

const SIGN = { add: '+', remove: '−', context: '', note: '' } as const;

/** The lines of one file's diff. */
export const DiffBody = memo(function DiffBody({
  patch,
  mode,
  label,
}: {
  patch: string;
  mode: DiffMode;
  label: string;
}) {
  const parsed = useMemo(() => parseDiff(patch), [patch]);
  const [shown, setShown] = useState(PAGE);
  if (parsed.lineCount === 0) return <p className={classes.message}>{tw.diff.noTextChange}</p>;
  const rest = parsed.lineCount - shown;
  return (
    <>
      <div className={classes.scroll} tabIndex={0} role="region" aria-label={tw.diff.diffOf(label)}>
        <table className={mode === 'split' ? `${classes.table} ${classes.split}` : classes.table}>
          {mode === 'split' && (
            <colgroup>
              <col style={{ width: 48 }} />
              <col style={{ width: 20 }} />
              <col />
              <col style={{ width: 48 }} />
              <col style={{ width: 20 }} />
              <col />
            </colgroup>
          )}
          {pageOf(parsed, shown).map((h, i) => (
            <tbody key={i}>
              <tr className={classes.hunk}>
                <td colSpan={mode === 'split' ? 6 : 4}>{hunkHeading(h)}</td>
              </tr>
              {mode === 'split' ? <SplitLines lines={h.lines} /> : <UnifiedLines lines={h.lines} />}
            </tbody>
          ))}
        </table>
      </div>
      {rest > 0 && (
        <div className={classes.message}>
          <Button size="compact-sm" variant="default" onClick={() => setShown((n) => n + PAGE * 4)}>
            {tw.diff.showMore(rest)}
          </Button>
        </div>
      )}
      {rest <= 0 && parsed.omitted > 0 && (
        <p className={classes.message}>{tw.diff.omitted(parsed.omitted)}</p>
      )}
    </>
  );
});

function pageOf(parsed: ParsedDiff, count: number): Hunk[] {
  const out: Hunk[] = [];
  let left = count;
  for (const h of parsed.hunks) {
    if (left <= 0) break;
    out.push(h.lines.length <= left ? h : { ...h, lines: h.lines.slice(0, left) });
    left -= h.lines.length;
  }
  return out;
}

function hunkHeading(h: Hunk): string {
  const first = h.lines.find((l) => l.new !== undefined) ?? h.lines[0];
  const at = tw.diff.fromLine(first?.new ?? first?.old ?? 0);
  return h.heading ? `${at} · ${visible(h.heading)}` : at;
}

function UnifiedLines({ lines }: { lines: DiffLine[] }) {
  return lines.map((line, i) => (
    <tr key={i} className={classes[line.kind]}>
      <td className={classes.no}>{line.old}</td>
      <td className={classes.no}>{line.new}</td>
      <td className={classes.sign}>{SIGN[line.kind]}</td>
      <td className={classes.code}>
        <Code line={line} />
      </td>
    </tr>
  ));
}

function SplitLines({ lines }: { lines: DiffLine[] }) {
  return splitRows(lines).map((row, i) => (
    <tr key={i}>
      <Half line={row.left} number={row.left?.old} />
      <Half line={row.right} number={row.right?.new} />
    </tr>
  ));
}

function Half({ line, number }: { line: DiffLine | undefined; number: number | undefined }) {
  const tone = line ? (classes[line.kind] ?? '') : classes.empty;
  return (
    <>
      <td className={`${classes.no} ${tone}`}>{number}</td>
      <td className={`${classes.sign} ${tone}`}>{line && SIGN[line.kind]}</td>
      <td className={`${classes.code} ${tone}`}>{line && <Code line={line} />}</td>
    </>
  );
}

function Code({ line }: { line: DiffLine }): ReactNode {
  if (!line.changed) return visible(line.text);
  const [start, end] = line.changed;
  return (
    <>
      {visible(line.text.slice(0, start))}
      <mark>{visible(line.text.slice(start, end))}</mark>
      {visible(line.text.slice(end))}
    </>
  );
}
