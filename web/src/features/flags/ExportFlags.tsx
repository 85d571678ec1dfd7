import { Button, Menu } from '@mantine/core';
import { useState } from 'react';
import { tf } from '~/strings/flags';
import { IconChevronDown, IconDownload } from '~/ui/icons';
import { toastError } from '~/ui/toast';
import type { ListState } from './listState';
import { listFlags } from './queries';
import { shortState } from './shares';
import type { Flag } from './types';

/** Every flag that the filters let through, not only the loaded ones. */
async function allFlags(state: ListState): Promise<Flag[]> {
  const found: Flag[] = [];
  let from: string | undefined;
  do {
    const { env, view: _, ...query } = state;
    const page = await listFlags({ query: { ...query, environment: env, from, limit: 200 } });
    found.push(...page.flags);
    from = page.next || undefined;
  } while (from);
  return found;
}

/** A cell that a spreadsheet takes as text, never as a formula. */
export function csvCell(value: string): string {
  const safe = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

export function csvOf(flags: Flag[]): string {
  const environments = [...new Set(flags.flatMap((flag) => flag.environments.map((env) => env.environment)))];
  const head = [
    'service',
    'project',
    'flag',
    'title',
    'kind',
    'owner',
    'tags',
    'stale',
    ...environments,
    'changed',
  ];
  const rows = flags.map((flag) => [
    flag.service,
    flag.project,
    flag.key,
    flag.title ?? '',
    flag.kind,
    flag.owner ?? '',
    (flag.tags ?? []).join(' '),
    flag.stale ? 'yes' : 'no',
    ...environments.map((name) => {
      const env = flag.environments.find((each) => each.environment === name);
      return env ? shortState(env) : '';
    }),
    flag.updatedAt,
  ]);
  // The mark at the start tells spreadsheets that this is UTF-8.
  return `\uFEFF${[head, ...rows].map((row) => row.map(csvCell).join(',')).join('\r\n')}\r\n`;
}

function save(name: string, type: string, content: string): void {
  const address = URL.createObjectURL(new Blob([content], { type }));
  const link = document.createElement('a');
  link.href = address;
  link.download = name;
  link.click();
  URL.revokeObjectURL(address);
}

/** The flags of the list as a file. */
export function ExportFlags({ state }: { state: ListState }) {
  const [busy, setBusy] = useState(false);
  const run = async (format: 'csv' | 'json') => {
    setBusy(true);
    try {
      const flags = await allFlags(state);
      if (format === 'csv') save('flags.csv', 'text/csv', csvOf(flags));
      else save('flags.json', 'application/json', JSON.stringify({ flags }, null, 2));
    } catch (error) {
      toastError(error);
    } finally {
      setBusy(false);
    }
  };
  return (
    <Menu position="bottom-end">
      <Menu.Target>
        <Button
          variant="default"
          size="sm"
          loading={busy}
          leftSection={<IconDownload size={16} aria-hidden />}
          rightSection={<IconChevronDown size={14} aria-hidden />}
        >
          {tf.list.exportAs}
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item onClick={() => void run('csv')}>{tf.list.csv}</Menu.Item>
        <Menu.Item onClick={() => void run('json')}>{tf.list.json}</Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
