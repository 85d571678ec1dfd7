import { useEffect, useRef } from 'react';

const sequenceMillis = 1200;

/** Keys typed into a field, or while a dialog is open, are not shortcuts. */
export function isTyping(event: KeyboardEvent): boolean {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return true;
  const target = event.target as HTMLElement | null;
  if (
    target?.closest(
      'input, textarea, select, [contenteditable="true"], [role="dialog"], [role="menu"], .cm-editor',
    )
  ) {
    return true;
  }
  return document.querySelector('[role="dialog"][aria-modal="true"]') !== null;
}

/**
 * Runs handlers by key, e.g. "c", "?", or by two keys in a row, e.g. "g h".
 */
export function useShortcuts(handlers: Record<string, () => void>): void {
  const latest = useRef(handlers);
  useEffect(() => {
    latest.current = handlers;
  });
  useEffect(() => {
    let first = '';
    let timer: ReturnType<typeof setTimeout> | undefined;
    const onKey = (event: KeyboardEvent) => {
      if (isTyping(event)) return;
      const sequence = `${first} ${event.key}`;
      const run = (first && latest.current[sequence]) || latest.current[event.key];
      first = '';
      clearTimeout(timer);
      if (run) {
        event.preventDefault();
        run();
        return;
      }
      first = event.key;
      timer = setTimeout(() => (first = ''), sequenceMillis);
    };
    document.addEventListener('keydown', onKey);
    return () => {
      clearTimeout(timer);
      document.removeEventListener('keydown', onKey);
    };
  }, []);
}

/** Puts the cursor into the filter of the list on this page; false without one. */
export function focusListFilter(): boolean {
  const field = document.querySelector<HTMLInputElement>('[data-list-filter]');
  field?.focus();
  field?.select();
  return field !== null;
}
