import { Textarea } from '@mantine/core';
import type { RefObject } from 'react';

/** A field for code that can be taken to a line. */
export function Editor({
  label,
  description,
  value,
  onChange,
  rows,
  field,
}: {
  label: string;
  description?: string;
  value: string;
  onChange: (value: string) => void;
  rows: number;
  field: RefObject<HTMLTextAreaElement | null>;
}) {
  return (
    <Textarea
      ref={field}
      label={label}
      description={description}
      value={value}
      onChange={(event) => onChange(event.currentTarget.value)}
      autosize
      minRows={rows}
      maxRows={36}
      spellCheck={false}
      styles={{
        input: {
          fontFamily: 'var(--mantine-font-family-monospace)',
          fontSize: 13,
          whiteSpace: 'pre',
          overflowX: 'auto',
        },
      }}
    />
  );
}

/** Puts the cursor to a line and column, both from 1. */
export function goTo(field: HTMLTextAreaElement | null, line: number, column: number): void {
  if (!field) return;
  const before = field.value.split('\n').slice(0, line - 1);
  const start = before.reduce((n, text) => n + text.length + 1, 0);
  const text = field.value.split('\n')[line - 1] ?? '';
  field.focus();
  field.setSelectionRange(start + Math.min(column - 1, text.length), start + text.length);
  field.scrollTop = Math.max(0, line - 5) * 20;
}
