import { Button, SegmentedControl } from '@mantine/core';
import { useMediaQuery } from '@mantine/hooks';
import { useEffect, useRef, useState, type KeyboardEvent } from 'react';
import { tw } from '~/strings/work';
import { DiffBody, type DiffMode } from './DiffViewFile';
import { visible } from './DiffViewParse';
import classes from './DiffView.module.css';

export type { DiffMode } from './DiffViewFile';

/** One file of a diff, as the forge and plans give it. */
export interface DiffFile {
  path: string;
  oldPath?: string;
  verb: string;
  added: number;
  removed: number;
  binary?: boolean;
  truncated?: boolean;
  patch: string;
}

interface Props {
  files: DiffFile[];
  mode?: DiffMode;
  onMode?: (mode: DiffMode) => void;
  /** Files open at the start; the rest is folded. */
  openFirst?: number;
  /** Gives each file an address; off where several diffs share a page. */
  anchors?: boolean;
}

/** A file with more changed lines than this starts folded. */
const BIG = 400;

/**
 * A list of file diffs. j and k (or n and p) move between files, Enter and
 * Space fold and unfold, as the heading of each file is a button.
 */
export function DiffView({ files, mode = 'unified', onMode, openFirst = 40, anchors = true }: Props) {
  const narrow = useMediaQuery('(max-width: 48em)') ?? false;
  const list = useRef<HTMLDivElement>(null);
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set());
  const [seen, setSeen] = useState<DiffFile[] | null>(null);
  if (seen !== files) {
    setSeen(files);
    setOpen(new Set(files.filter((f, i) => i < openFirst && f.added + f.removed <= BIG).map((f) => f.path)));
  }
  const toggle = (path: string) =>
    setOpen((now) => {
      const next = new Set(now);
      if (!next.delete(path)) next.add(path);
      return next;
    });
  const added = files.reduce((n, f) => n + f.added, 0);
  const removed = files.reduce((n, f) => n + f.removed, 0);
  const all = files.length > 0 && open.size === files.length;
  return (
    <div className={classes.list} ref={list} onKeyDown={(e) => moveBetweenFiles(e, list.current)}>
      <div className={classes.bar}>
        <span className={classes.count}>
          {tw.diff.filesChanged(files.length)} <Counts added={added} removed={removed} />
        </span>
        <span style={{ display: 'flex', gap: 8, flexWrap: 'wrap' }}>
          {files.length > 1 && (
            <Button
              size="compact-sm"
              variant="default"
              onClick={() => setOpen(all ? new Set() : new Set(files.map((f) => f.path)))}
            >
              {all ? tw.diff.foldAll : tw.diff.unfoldAll}
            </Button>
          )}
          {onMode && !narrow && (
            <SegmentedControl
              size="xs"
              aria-label={tw.diff.layout}
              value={mode}
              onChange={(v) => onMode(v as DiffMode)}
              data={[
                { value: 'unified', label: tw.diff.unified },
                { value: 'split', label: tw.diff.split },
              ]}
            />
          )}
        </span>
      </div>
      {files.map((f) => (
        <FileSection
          key={f.path}
          file={f}
          open={open.has(f.path)}
          mode={narrow ? 'unified' : mode}
          id={anchors ? fileAnchor(f.path) : undefined}
          onToggle={() => toggle(f.path)}
        />
      ))}
    </div>
  );
}

/** The address of a file within a diff: #file-path. */
export function fileAnchor(path: string): string {
  return `file-${path.replace(/[^A-Za-z0-9._/-]/g, '_')}`;
}

function FileSection({
  file,
  open,
  mode,
  id,
  onToggle,
}: {
  file: DiffFile;
  open: boolean;
  mode: DiffMode;
  id?: string;
  onToggle: () => void;
}) {
  const section = useRef<HTMLElement>(null);
  useEffect(() => {
    if (id && location.hash === `#${id}`) section.current?.scrollIntoView();
  }, [id]);
  return (
    <section ref={section} id={id} className={open ? `${classes.file} ${classes.open}` : classes.file}>
      <div className={classes.head}>
        <button
          type="button"
          className={classes.toggle}
          aria-expanded={open}
          onClick={onToggle}
          data-diff-file
        >
          <svg className={classes.chevron} width="12" height="12" viewBox="0 0 12 12" aria-hidden>
            <path
              d="M4 2l4 4-4 4"
              fill="none"
              stroke="currentColor"
              strokeWidth="1.6"
              strokeLinecap="round"
              strokeLinejoin="round"
            />
          </svg>
          <span className={classes.path}>
            {file.oldPath && file.oldPath !== file.path && `${visible(file.oldPath)} → `}
            {visible(file.path)}
          </span>
          {file.verb !== 'change' && <VerbTag verb={file.verb} />}
        </button>
        {!file.binary && <Counts added={file.added} removed={file.removed} />}
      </div>
      {open && <FileBody file={file} mode={mode} />}
    </section>
  );
}

function FileBody({ file, mode }: { file: DiffFile; mode: DiffMode }) {
  if (file.binary) return <p className={classes.message}>{tw.diff.binary}</p>;
  if (file.truncated || (!file.patch && file.added + file.removed > 0))
    return <p className={classes.message}>{tw.diff.truncated}</p>;
  return <DiffBody patch={file.patch} mode={mode} label={file.path} />;
}

function VerbTag({ verb }: { verb: string }) {
  const tone = verb === 'add' ? 'ok' : verb === 'remove' ? 'bad' : 'info';
  return <span className={`pill ${tone}`}>{tw.diff.verbs[verb] ?? verb}</span>;
}

/** Added and removed line counts, with signs so that colour is not needed. */
export function Counts({ added, removed }: { added: number; removed: number }) {
  return (
    <span className={classes.count}>
      <span className={classes.plus} aria-label={tw.diff.added(added)} role="img">
        +{added}
      </span>{' '}
      <span className={classes.minus} aria-label={tw.diff.removed(removed)} role="img">
        −{removed}
      </span>
    </span>
  );
}

function moveBetweenFiles(e: KeyboardEvent, list: HTMLElement | null): void {
  const step = { j: 1, n: 1, k: -1, p: -1 }[e.key];
  if (!step || !list || e.ctrlKey || e.metaKey || e.altKey) return;
  if (e.target instanceof HTMLInputElement || e.target instanceof HTMLTextAreaElement) return;
  const heads = [...list.querySelectorAll<HTMLElement>('[data-diff-file]')];
  const here = heads.findIndex((h) => h.closest('section')?.contains(document.activeElement));
  const next = heads[here < 0 ? 0 : here + step];
  if (!next) return;
  e.preventDefault();
  next.focus();
  next.scrollIntoView({ block: 'nearest' });
}
