import { Button, Checkbox, Group, Popover, Stack, Text, TextInput } from '@mantine/core';
import { useEffect, useRef, useState, type ReactNode } from 'react';
import { t } from '~/strings';
import { IconColumns3, IconDownload, IconSearch } from './icons';

const typingMillis = 200;

/** The text filter of a list; writes to the address when typing pauses. */
export function TextFilter({
  value,
  onChange,
  label,
}: {
  value: string | undefined;
  onChange: (value: string | undefined) => void;
  label: string;
}) {
  const [text, setText] = useState(value ?? '');
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  // Back, forward and "clear filters" change it from outside.
  const seen = useRef(value ?? '');
  useEffect(() => {
    if ((value ?? '') === seen.current) return;
    seen.current = value ?? '';
    setText(value ?? '');
  }, [value]);
  useEffect(() => () => clearTimeout(timer.current), []);
  return (
    <TextInput
      data-list-filter
      size="sm"
      w={{ base: '100%', sm: 260 }}
      placeholder={label}
      aria-label={label}
      leftSection={<IconSearch size={16} aria-hidden />}
      value={text}
      onChange={(event) => {
        const next = event.currentTarget.value;
        setText(next);
        clearTimeout(timer.current);
        timer.current = setTimeout(() => {
          seen.current = next;
          onChange(next || undefined);
        }, typingMillis);
      }}
    />
  );
}

/** Which columns are shown. */
export function ColumnChoice({
  all,
  shown,
  onChange,
}: {
  all: { id: string; title: string }[];
  shown: string[];
  onChange: (ids: string[] | undefined) => void;
}) {
  return (
    <Popover position="bottom-end" trapFocus withinPortal>
      <Popover.Target>
        <Button variant="default" size="sm" leftSection={<IconColumns3 size={16} aria-hidden />}>
          {t.common.columns}
        </Button>
      </Popover.Target>
      <Popover.Dropdown aria-label={t.common.columns} mah={380} style={{ overflowY: 'auto' }}>
        <Stack gap={8}>
          {all.map((column) => (
            <Checkbox
              key={column.id}
              size="sm"
              label={column.title}
              checked={shown.includes(column.id)}
              onChange={() =>
                onChange(
                  all
                    .map((each) => each.id)
                    .filter((id) => (id === column.id ? !shown.includes(id) : shown.includes(id))),
                )
              }
            />
          ))}
          <Button size="compact-sm" variant="subtle" onClick={() => onChange(undefined)}>
            {t.common.usualColumns}
          </Button>
        </Stack>
      </Popover.Dropdown>
    </Popover>
  );
}

/** Exports exactly the filtered rows. */
export function CsvButton({ href, label = t.common.exportCsv }: { href: string; label?: string }) {
  return (
    <Button
      component="a"
      href={href}
      download
      variant="default"
      size="sm"
      leftSection={<IconDownload size={16} aria-hidden />}
    >
      {label}
    </Button>
  );
}

/** The line above a list: filters left, count and view right. */
export function ListToolbar({
  total,
  children,
  view,
}: {
  total?: string;
  children: ReactNode;
  view?: ReactNode;
}) {
  return (
    <Group justify="space-between" gap="xs" align="flex-start">
      <Group gap="xs" style={{ flex: '1 1 420px' }}>
        {children}
      </Group>
      <Group gap="xs" mih={36}>
        <Text size="sm" className="sph-muted num" aria-live="polite">
          {total}
        </Text>
        {view}
      </Group>
    </Group>
  );
}
