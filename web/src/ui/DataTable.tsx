import { Button, Checkbox, Group, Text, VisuallyHidden } from '@mantine/core';
import { useVirtualizer } from '@tanstack/react-virtual';
import { memo, useCallback, useEffect, useMemo, useRef, useState, type ReactNode } from 'react';
import { count } from '~/lib/format';
import { nextSort, parseSort } from '~/lib/listState';
import { useShortcuts } from '~/lib/shortcuts';
import { t } from '~/strings';
import css from './DataTable.module.css';
import { IconArrowDown, IconArrowUp, IconFilter } from './icons';
import { EmptyState, ErrorState, Skeletons } from './States';

export type Column<Row> = {
  id: string;
  title: string;
  width: number;
  /** What the server sorts by; not sortable when absent. */
  sort?: string;
  numeric?: boolean;
  /** The first column is always shown and holds the row's link. */
  cell: (row: Row) => ReactNode;
};

type Props<Row> = {
  label: string;
  columns: Column<Row>[];
  /** The rows loaded so far. */
  rows: Row[];
  /** How many rows the server has; the loaded ones when unknown. */
  total?: number;
  rowKey: (row: Row) => string;
  loading: boolean;
  error?: unknown;
  onRetry?: () => void;
  hasMore?: boolean;
  loadingMore?: boolean;
  onLoadMore?: () => void;
  sort?: string;
  onSort?: (sort: string | undefined) => void;
  /** Something hides rows: empty then means "nothing matches". */
  filtered?: boolean;
  onClearFilters?: () => void;
  /** What is shown when there is nothing at all. */
  empty: ReactNode;
  /** Buttons for the selected rows; rows can be selected only when given. */
  selection?: (keys: string[]) => ReactNode;
  /** Called with the new width of a column that was dragged or moved by keys. */
  onResize?: (id: string, width: number) => void;
  /** Pixels of the window that the table leaves to what is above and below it. */
  reserve?: number;
};

const rowHeight = 44;
const headHeight = 39;

/**
 * The one table for long lists. The server pages, filters and sorts; only the
 * rows in view are in the DOM. j and k move, Enter opens, x selects.
 */
export function DataTable<Row>(props: Props<Row>) {
  const { rows, rowKey, selection, hasMore, loadingMore, onLoadMore, onResize, reserve = 250 } = props;
  // While a column is dragged its width is here; the caller hears of the last one.
  const [drag, setDrag] = useState<{ id: string; width: number }>();
  const columns = useMemo(
    () =>
      drag
        ? props.columns.map((column) => (column.id === drag.id ? { ...column, width: drag.width } : column))
        : props.columns,
    [props.columns, drag],
  );
  const box = useRef<HTMLDivElement>(null);
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  const toggle = useCallback((key: string) => {
    setSelected((before) => {
      const next = new Set(before);
      if (!next.delete(key)) next.add(key);
      return next;
    });
  }, []);
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => box.current,
    estimateSize: () => rowHeight,
    overscan: 10,
    scrollPaddingStart: headHeight,
  });
  const items = virtual.getVirtualItems();
  const lastShown = items.at(-1)?.index ?? -1;
  useEffect(() => {
    if (hasMore && !loadingMore && lastShown >= rows.length - 20) onLoadMore?.();
  }, [hasMore, loadingMore, lastShown, rows.length, onLoadMore]);
  useRowKeys(
    box,
    rows.length,
    (index) => virtual.scrollToIndex(index),
    (index) => {
      const row = rows[index];
      if (row !== undefined && selection) toggle(rowKey(row));
    },
  );

  if (props.error && rows.length === 0) {
    return (
      <div className="sph-card">
        <ErrorState error={props.error} retry={props.onRetry} />
      </div>
    );
  }
  if (props.loading) {
    return (
      <div className="sph-card">
        <Skeletons rows={10} />
      </div>
    );
  }
  if (rows.length === 0) {
    return (
      <div className="sph-card">
        {props.filtered ? <NoMatch onClear={props.onClearFilters} /> : props.empty}
      </div>
    );
  }

  const width = columns.reduce((sum, column) => sum + column.width, selection ? 40 : 0);
  const height = headHeight + rows.length * rowHeight + 2;
  return (
    <>
      <div className={`sph-card ${css.card}`}>
        <div
          ref={box}
          className={css.box}
          style={{ height: `min(${height}px, max(320px, calc(100dvh - ${reserve}px)))` }}
          role="table"
          aria-label={props.label}
          aria-rowcount={(props.total ?? rows.length) + 1}
          tabIndex={0}
        >
          <div role="rowgroup" className={css.head} style={{ minWidth: width }}>
            <HeadRow
              columns={columns}
              sort={props.sort}
              onSort={props.onSort}
              selectable={Boolean(selection)}
              onDrag={
                onResize &&
                ((id, width, done) => {
                  setDrag(done ? undefined : { id, width });
                  if (done) onResize(id, width);
                })
              }
            />
          </div>
          <div
            role="rowgroup"
            style={{ height: virtual.getTotalSize(), position: 'relative', minWidth: width }}
          >
            {items.map((item) => {
              const row = rows[item.index]!;
              const key = rowKey(row);
              return (
                <DataRow
                  key={key}
                  row={row}
                  rowId={key}
                  index={item.index}
                  start={item.start}
                  columns={columns as Column<unknown>[]}
                  selected={selected.has(key)}
                  onToggle={selection ? toggle : undefined}
                />
              );
            })}
          </div>
        </div>
      </div>
      {selection && selected.size > 0 && (
        <div
          className={`sph-card ${css.bar}`}
          role="region"
          aria-label={t.common.selected(count(selected.size))}
        >
          <Group gap="xs">
            <Text size="sm" className="num" aria-live="polite">
              {t.common.selected(count(selected.size))}
            </Text>
            {selection([...selected])}
            <Button size="compact-sm" variant="subtle" onClick={() => setSelected(new Set())}>
              {t.common.clearSelection}
            </Button>
          </Group>
        </div>
      )}
    </>
  );
}

function NoMatch({ onClear }: { onClear?: () => void }) {
  return (
    <EmptyState
      icon={<IconFilter size={28} />}
      title={t.common.nothingMatches}
      text={t.common.nothingMatchesHint}
      action={
        onClear && (
          <Button size="sm" variant="default" onClick={onClear}>
            {t.common.clearFilters}
          </Button>
        )
      }
    />
  );
}

function HeadRow<Row>({
  columns,
  sort,
  onSort,
  selectable,
  onDrag,
}: Pick<Props<Row>, 'columns' | 'sort' | 'onSort'> & { selectable: boolean; onDrag?: OnDrag }) {
  const sorted = parseSort(sort);
  return (
    <div role="row" className={`${css.row} ${css.headRow}`} aria-rowindex={1}>
      {selectable && (
        <div role="columnheader" className={css.check}>
          <VisuallyHidden>{t.common.selection}</VisuallyHidden>
        </div>
      )}
      {columns.map((column, i) => {
        const direction =
          sorted && sorted.key === column.sort ? (sorted.desc ? 'descending' : 'ascending') : undefined;
        return (
          <div
            key={column.id}
            role="columnheader"
            className={`${css.cell} ${i === 0 ? css.first : ''} ${column.numeric ? css.numeric : ''}`}
            style={{ width: column.width }}
            aria-sort={column.sort ? (direction ?? 'none') : undefined}
          >
            {column.sort && onSort ? (
              <button
                type="button"
                className={css.sort}
                title={t.common.sortBy(column.title)}
                onClick={() => onSort(nextSort(sort, column.sort!))}
              >
                {column.title}
                {direction === 'ascending' && <IconArrowUp size={12} aria-hidden />}
                {direction === 'descending' && <IconArrowDown size={12} aria-hidden />}
              </button>
            ) : (
              <span className={css.headText}>{column.title}</span>
            )}
            {onDrag && <ResizeHandle column={column} onDrag={onDrag} />}
          </div>
        );
      })}
    </div>
  );
}

type OnDrag = (id: string, width: number, done: boolean) => void;

const keyStep = 20;
const widthLimits = { min: 60, max: 900 };

/** The edge of a column's head: dragged, or moved with the arrow keys. */
function ResizeHandle<Row>({ column, onDrag }: { column: Column<Row>; onDrag: OnDrag }) {
  const from = useRef<{ x: number; width: number }>(undefined);
  const at = (x: number) => clamped(from.current!.width + x - from.current!.x);
  return (
    <span
      role="separator"
      aria-orientation="vertical"
      aria-label={t.common.resize(column.title)}
      aria-valuenow={column.width}
      aria-valuemin={widthLimits.min}
      aria-valuemax={widthLimits.max}
      tabIndex={0}
      className={css.handle}
      onPointerDown={(event) => {
        event.preventDefault();
        // The first column is wider than its width where there is room.
        const cell = event.currentTarget.parentElement;
        from.current = { x: event.clientX, width: cell?.getBoundingClientRect().width ?? column.width };
        event.currentTarget.setPointerCapture(event.pointerId);
      }}
      onPointerMove={(event) => {
        if (from.current) onDrag(column.id, at(event.clientX), false);
      }}
      onPointerUp={(event) => {
        if (from.current) onDrag(column.id, at(event.clientX), true);
        from.current = undefined;
      }}
      onKeyDown={(event) => {
        const by = event.key === 'ArrowLeft' ? -keyStep : event.key === 'ArrowRight' ? keyStep : 0;
        if (by === 0) return;
        event.preventDefault();
        event.stopPropagation();
        onDrag(column.id, clamped(column.width + by), true);
      }}
    />
  );
}

const clamped = (width: number) => Math.min(widthLimits.max, Math.max(widthLimits.min, Math.round(width)));

type DataRowProps = {
  row: unknown;
  rowId: string;
  index: number;
  start: number;
  columns: Column<unknown>[];
  selected: boolean;
  onToggle?: (key: string) => void;
};

// Memoised: while scrolling only the rows that come into view are made.
const DataRow = memo(function DataRow({
  row,
  rowId,
  index,
  start,
  columns,
  selected,
  onToggle,
}: DataRowProps) {
  return (
    <div
      role="row"
      aria-rowindex={index + 2}
      className={`${css.row} ${css.dataRow}`}
      style={{ transform: `translateY(${start}px)` }}
      data-row={index}
      data-selected={selected || undefined}
    >
      {onToggle && (
        <div role="cell" className={css.check}>
          <Checkbox
            size="xs"
            checked={selected}
            onChange={() => onToggle(rowId)}
            aria-label={t.common.selectRow(rowId)}
          />
        </div>
      )}
      {columns.map((column, i) => (
        <div
          key={column.id}
          role="cell"
          className={`${css.cell} ${i === 0 ? css.first : ''} ${column.numeric ? css.numeric : ''}`}
          style={{ width: column.width }}
        >
          {column.cell(row)}
        </div>
      ))}
    </div>
  );
});

/** j and k move the focus along the rows' links, so that Enter opens natively. */
function useRowKeys(
  box: React.RefObject<HTMLDivElement | null>,
  length: number,
  reveal: (index: number) => void,
  toggle: (index: number) => void,
): void {
  const current = () => {
    const row = document.activeElement?.closest<HTMLElement>('[data-row]');
    return row && box.current?.contains(row) ? Number(row.dataset.row) : -1;
  };
  const move = (by: number) => {
    if (length === 0) return;
    const index = Math.min(length - 1, Math.max(0, current() + by));
    reveal(index);
    requestAnimationFrame(() => {
      const row = box.current?.querySelector<HTMLElement>(`[data-row="${index}"]`);
      row?.querySelector<HTMLElement>('a, button')?.focus({ preventScroll: true });
    });
  };
  useShortcuts({
    j: () => move(1),
    k: () => move(-1),
    ArrowDown: () => move(1),
    ArrowUp: () => move(-1),
    x: () => {
      const index = current();
      if (index >= 0) toggle(index);
    },
  });
}
