import Anser from 'anser';
import { memo, useMemo, type ReactNode } from 'react';
import type { LogLine } from '~/api/types';
import { tw } from '~/strings/work';
import { visible } from './DiffViewParse';
import css from './LogView.module.css';

/** Longer lines are cut; the download has all of it. */
const MAX_LENGTH = 4_000;

const tones: Record<string, string> = {
  red: 'var(--sph-bad)',
  green: 'var(--sph-ok)',
  yellow: 'var(--sph-warn)',
  blue: 'var(--sph-info)',
  cyan: 'var(--sph-info)',
  magenta: 'var(--sph-info)',
  black: 'var(--sph-muted)',
};

/** A row of the view: an entry of the log, or one line of an entry that has several. */
export type Row = LogLine & { part?: number };

// Entries never change; the same rows let the rest of the view remember them too.
const split = new WeakMap<LogLine, Row[]>();

/** The rows of an entry, each one line high. */
export function rowsOf(line: LogLine): Row[] {
  const text = line.text.replace(/\r?\n$/, '');
  if (!text.includes('\n')) return [line];
  let rows = split.get(line);
  if (!rows) {
    rows = text.split(/\r?\n/).map((part, i) => ({ ...line, text: part, part: i }));
    split.set(line, rows);
  }
  return rows;
}

type Part = { text: string; color?: string; strong?: boolean };

// oxlint-disable-next-line no-control-regex -- escape sequences are what is looked for
const ESCAPES = /\u001b(\[[0-9;?]*[ -/]*[@-~]|\][^\u0007\u001b]*(\u0007|\u001b\\)?|[@-Z\\-_])/g;

/** A line as people read it: without escape sequences. */
export function plainText(text: string): string {
  return text.includes('\u001b') ? text.replace(ESCAPES, '') : text;
}

/** A line in parts by colour. Sequences other than colours are dropped. */
export function ansiParts(raw: string): Part[] {
  const text = raw.slice(0, MAX_LENGTH);
  if (!text.includes('\u001b')) return [{ text }];
  const colours = text.replace(ESCAPES, (all) => (all.endsWith('m') && all[1] === '[' ? all : ''));
  return Anser.ansiToJson(colours, { use_classes: true, remove_empty: true }).map((part) => ({
    text: part.content,
    color: tones[(part.fg ?? '').replace(/^ansi-(bright-)?/, '')],
    strong: part.decorations?.includes('bold') ?? false,
  }));
}

/** Text with every occurrence of `needle` (in lower case) marked. */
function marked(text: string, needle: string): ReactNode {
  if (!needle) return visible(text);
  const lower = text.toLowerCase();
  const out: ReactNode[] = [];
  let from = 0;
  for (let at = lower.indexOf(needle); at >= 0; at = lower.indexOf(needle, at + needle.length)) {
    out.push(
      visible(text.slice(from, at)),
      <mark key={at}>{visible(text.slice(at, at + needle.length))}</mark>,
    );
    from = at + needle.length;
  }
  out.push(visible(text.slice(from)));
  return out;
}

const clock = new Intl.DateTimeFormat('en-GB', {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  fractionalSecondDigits: 3,
});

type Props = {
  line: Row;
  top: number;
  needle: string;
  current: boolean;
  linked: boolean;
  times: boolean;
};

// Memoised: while scrolling only the lines that come into view are made.
export const LogRow = memo(function LogRow({ line, top, needle, current, linked, times }: Props) {
  const parts = useMemo(() => ansiParts(line.text), [line.text]);
  const cut = line.text.length - MAX_LENGTH;
  const tone = [css.line, linked && css.linked, current && css.current].filter(Boolean).join(' ');
  return (
    <div
      id={line.part ? undefined : `L${line.seq}`}
      className={tone}
      style={{ transform: `translateY(${top}px)` }}
    >
      {line.part ? (
        <span className={css.number} />
      ) : (
        <a className={css.number} href={`#L${line.seq}`} tabIndex={-1} aria-label={tw.log.lineLink(line.seq)}>
          {line.seq}
        </a>
      )}
      {times && (
        <time className={css.time} dateTime={line.at}>
          {clock.format(new Date(line.at))}
        </time>
      )}
      <span>
        {parts.map((part, i) => (
          <span key={i} style={{ color: part.color, fontWeight: part.strong ? 650 : undefined }}>
            {marked(part.text, needle)}
          </span>
        ))}
        {cut > 0 && <span className="sph-muted">{tw.log.cut(cut)}</span>}
      </span>
    </div>
  );
});
