import { ActionIcon } from '@mantine/core';
import { useRef, useState, type DragEvent, type KeyboardEvent, type ReactNode } from 'react';
import { tf } from '~/strings/flags';
import { IconGripVertical } from '~/ui/icons';
import css from './flags.module.css';

/** Moves one of a list to another place. */
export function moved<T>(list: T[], from: number, to: number): T[] {
  if (to < 0 || to >= list.length || from === to) return list;
  const next = [...list];
  const [item] = next.splice(from, 1);
  next.splice(to, 0, item!);
  return next;
}

/** A list whose order counts: dragged by its handle, or moved with the arrow keys on it. */
export function Sortable<T>({
  items,
  itemKey,
  itemName,
  onMove,
  label,
  disabled,
  children,
}: {
  items: T[];
  itemKey: (item: T) => string;
  itemName: (item: T, index: number) => string;
  onMove: (from: number, to: number) => void;
  label: string;
  disabled?: boolean;
  children: (item: T, index: number, handle: ReactNode) => ReactNode;
}) {
  const dragged = useRef<number>(undefined);
  const [over, setOver] = useState<number>();
  const [said, setSaid] = useState('');
  const move = (from: number, to: number, name: string) => {
    if (to < 0 || to >= items.length || from === to) return;
    onMove(from, to);
    setSaid(tf.editor.movedTo(name, to + 1, items.length));
  };
  return (
    <>
      <ol className={css.sortable} aria-label={label}>
        {items.map((item, index) => {
          const name = itemName(item, index);
          const onKeyDown = (event: KeyboardEvent) => {
            const by = event.key === 'ArrowUp' ? -1 : event.key === 'ArrowDown' ? 1 : 0;
            if (by === 0) return;
            event.preventDefault();
            event.stopPropagation();
            move(index, index + by, name);
          };
          const handle = disabled ? null : (
            <ActionIcon
              variant="subtle"
              color="gray"
              size="md"
              className={css.grip}
              draggable
              aria-label={tf.editor.moveRule(name)}
              title={tf.editor.moveHint}
              onKeyDown={onKeyDown}
              onDragStart={(event: DragEvent) => {
                dragged.current = index;
                event.dataTransfer.effectAllowed = 'move';
                event.dataTransfer.setData('text/plain', name);
                const row = event.currentTarget.closest('li');
                if (row) event.dataTransfer.setDragImage(row, 12, 12);
              }}
              onDragEnd={() => {
                dragged.current = undefined;
                setOver(undefined);
              }}
            >
              <IconGripVertical size={16} />
            </ActionIcon>
          );
          return (
            <li
              key={itemKey(item)}
              data-over={over === index || undefined}
              onDragOver={(event) => {
                if (dragged.current === undefined) return;
                event.preventDefault();
                setOver(index);
              }}
              onDrop={(event) => {
                event.preventDefault();
                setOver(undefined);
                if (dragged.current !== undefined) move(dragged.current, index, name);
              }}
            >
              {children(item, index, handle)}
            </li>
          );
        })}
      </ol>
      <span className={css.hidden} role="status">
        {said}
      </span>
    </>
  );
}
