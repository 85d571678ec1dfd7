import { ActionIcon, Button, NativeSelect, Switch, Text, TextInput } from '@mantine/core';
import { useVirtualizer } from '@tanstack/react-virtual';
import { useDeferredValue, useEffect, useMemo, useRef, useState, type KeyboardEvent } from 'react';
import type { LogLine } from '~/api/types';
import { tw } from '~/strings/work';
import { IconArrowDown, IconArrowUp, IconDownload, IconSearch } from './icons';
import css from './LogView.module.css';
import { LogRow, rowsOf } from './LogViewLine';
import { linkedLine, looksLikeError, useMatches } from './LogViewSearch';

const lineHeight = 20;

type Props = {
  label: string;
  lines: LogLine[];
  /** More lines may come. */
  live: boolean;
  height?: number | string;
  /** Where the whole log can be had as text. */
  download?: string;
  /** The steps the log can be narrowed to. */
  steps?: { name: string; title: string }[];
  step?: string;
  onStep?: (step: string | undefined) => void;
  /** Shows the first line that looks like an error when the log is opened. */
  openAtError?: boolean;
};

/**
 * A log of any length: only the lines in view are in the DOM. Follows new lines
 * until the reader scrolls up, and again from the end.
 */
export function LogView(props: Props) {
  const { lines: all, live, step, height = 420, openAtError } = props;
  const lines = useMemo(
    () => (step ? all.filter((line) => line.step === step) : all).flatMap(rowsOf),
    [all, step],
  );
  const box = useRef<HTMLDivElement>(null);
  const [query, setQuery] = useState('');
  const needle = useDeferredValue(query.trim());
  const [times, setTimes] = useState(false);
  const [linked, setLinked] = useLinkedLine();
  const [follow, setFollow] = useState(linked === undefined && live);
  const virtual = useVirtualizer({
    count: lines.length,
    getScrollElement: () => box.current,
    estimateSize: () => lineHeight,
    overscan: 30,
  });
  const reveal = (index: number) => {
    setFollow(false);
    virtual.scrollToIndex(index, { align: 'center' });
  };
  const search = useSearch(lines, needle, reveal);

  const count = lines.length;
  useEffect(() => {
    if (follow && count > 0) virtual.scrollToIndex(count - 1, { align: 'end' });
  }, [follow, count, virtual]);
  useScrollOnce(linked, lines, openAtError, reveal);

  const lastTop = useRef(0);
  const onScroll = () => {
    const at = box.current;
    if (!at) return;
    const end = at.scrollHeight - at.scrollTop - at.clientHeight < lineHeight;
    if (at.scrollTop < lastTop.current - 1 && !end) setFollow(false);
    if (end && live && at.scrollTop > lastTop.current) setFollow(true);
    lastTop.current = at.scrollTop;
  };
  const nextError = () => {
    const from = search.index ?? (linked === undefined ? -1 : lines.findIndex((l) => l.seq === linked));
    const found = errorAfter(lines, from);
    if (found < 0) return;
    setLinked(lines[found]!.seq);
    search.moveTo(found);
    reveal(found);
  };
  return (
    <div className={`sph-card ${css.card}`}>
      <div className={css.bar}>
        <div className={css.tools}>
          <FindField query={query} onQuery={setQuery} search={search} />
          {props.steps && props.steps.length > 1 && (
            <NativeSelect
              size="xs"
              maw={170}
              aria-label={tw.log.step}
              value={step ?? ''}
              onChange={(event) => props.onStep?.(event.currentTarget.value || undefined)}
              data={[
                { value: '', label: tw.log.allSteps },
                ...props.steps.map(({ name, title }) => ({ value: name, label: title })),
              ]}
            />
          )}
        </div>
        <div className={css.tools}>
          <Text size="xs" className="sph-muted num" aria-live="off">
            {tw.log.lines(lines.length)}
            {live && ` · ${tw.log.live}`}
          </Text>
          <ErrorButton lines={lines} onClick={nextError} />
          <Switch
            size="xs"
            label={tw.log.times}
            checked={times}
            onChange={(event) => setTimes(event.currentTarget.checked)}
          />
          {live && (
            <Switch
              size="xs"
              label={tw.log.follow}
              checked={follow}
              onChange={(event) => setFollow(event.currentTarget.checked)}
            />
          )}
          {props.download && (
            <Button
              component="a"
              href={props.download}
              download
              size="compact-xs"
              variant="default"
              leftSection={<IconDownload size={13} aria-hidden />}
            >
              {tw.log.download}
            </Button>
          )}
        </div>
      </div>
      <div
        ref={box}
        className={css.box}
        style={{ height }}
        tabIndex={0}
        role="log"
        aria-label={props.label}
        aria-live="off"
        onScroll={onScroll}
        onWheel={(event) => event.deltaY < 0 && setFollow(false)}
      >
        {lines.length === 0 && <div className={css.empty}>{step ? tw.log.emptyStep : tw.log.empty}</div>}
        <div style={{ height: virtual.getTotalSize(), position: 'relative' }}>
          {virtual.getVirtualItems().map((item) => {
            const line = lines[item.index]!;
            return (
              <LogRow
                key={`${line.seq} ${line.part ?? 0}`}
                line={line}
                top={item.start}
                needle={needle.toLowerCase()}
                current={search.index === item.index}
                linked={linked === line.seq}
                times={times}
              />
            );
          })}
        </div>
      </div>
    </div>
  );
}

type Search = {
  matches?: number[];
  /** The line that is shown as the current match. */
  index?: number;
  position: number;
  move: (by: number) => void;
  moveTo: (index: number) => void;
};

function useSearch(lines: LogLine[], needle: string, reveal: (index: number) => void): Search {
  const matches = useMatches(lines, needle);
  const [index, setIndex] = useState<number>();
  const latest = useRef({ matches, reveal });
  useEffect(() => {
    latest.current = { matches, reveal };
  });
  // A new query goes to its first match; new lines do not move the reader.
  useEffect(() => {
    const first = latest.current.matches?.[0];
    setIndex(first);
    if (first !== undefined) latest.current.reveal(first);
  }, [needle]);
  const position = matches && index !== undefined ? matches.indexOf(index) : -1;
  const move = (by: number) => {
    if (!matches || matches.length === 0) return;
    const next = matches[(Math.max(position, by > 0 ? -1 : 0) + by + matches.length) % matches.length]!;
    setIndex(next);
    reveal(next);
  };
  return { matches, index, position, move, moveTo: setIndex };
}

function FindField({
  query,
  onQuery,
  search,
}: {
  query: string;
  onQuery: (query: string) => void;
  search: Search;
}) {
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === 'Enter') search.move(event.shiftKey ? -1 : 1);
    if (event.key === 'Escape') onQuery('');
  };
  const n = search.matches?.length ?? 0;
  return (
    <>
      <TextInput
        data-list-filter
        size="xs"
        w={200}
        leftSection={<IconSearch size={14} aria-hidden />}
        placeholder={tw.log.find}
        aria-label={tw.log.find}
        value={query}
        onChange={(event) => onQuery(event.currentTarget.value)}
        onKeyDown={onKeyDown}
      />
      {search.matches && (
        <>
          <Text size="xs" className="sph-muted num" aria-live="polite">
            {n === 0 ? tw.log.noMatch : tw.log.position(search.position + 1, n)}
          </Text>
          <ActionIcon.Group>
            <ActionIcon
              size="md"
              variant="default"
              aria-label={tw.log.previous}
              disabled={n === 0}
              onClick={() => search.move(-1)}
            >
              <IconArrowUp size={14} />
            </ActionIcon>
            <ActionIcon
              size="md"
              variant="default"
              aria-label={tw.log.next}
              disabled={n === 0}
              onClick={() => search.move(1)}
            >
              <IconArrowDown size={14} />
            </ActionIcon>
          </ActionIcon.Group>
        </>
      )}
    </>
  );
}

function ErrorButton({ lines, onClick }: { lines: LogLine[]; onClick: () => void }) {
  const some = useMemo(() => lines.some(looksLikeError), [lines]);
  if (!some) return null;
  return (
    <Button size="compact-xs" variant="default" onClick={onClick}>
      {tw.log.nextError}
    </Button>
  );
}

function errorAfter(lines: LogLine[], from: number): number {
  for (let n = 1; n <= lines.length; n++) {
    const i = (from + n) % lines.length;
    if (looksLikeError(lines[i]!)) return i;
  }
  return -1;
}

/** The line named by the address. */
function useLinkedLine() {
  const [linked, setLinked] = useState(() => linkedLine(location.hash));
  useEffect(() => {
    const onHash = () => setLinked(linkedLine(location.hash));
    window.addEventListener('hashchange', onHash);
    return () => window.removeEventListener('hashchange', onHash);
  }, []);
  return [linked, setLinked] as const;
}

/** Goes once to the linked line, or to the first error, when it has arrived. */
function useScrollOnce(
  linked: number | undefined,
  lines: LogLine[],
  openAtError: boolean | undefined,
  reveal: (index: number) => void,
): void {
  const done = useRef(false);
  useEffect(() => {
    if (done.current || lines.length === 0) return;
    const index =
      linked === undefined
        ? openAtError
          ? lines.findIndex(looksLikeError)
          : -1
        : lines.findIndex((line) => line.seq === linked);
    if (index < 0) return;
    done.current = true;
    reveal(index);
  });
}
