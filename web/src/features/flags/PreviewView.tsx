import { Table, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { lazy, Suspense, useState } from 'react';
import { tf } from '~/strings/flags';
import { Note } from '~/ui/Note';
import { Skeletons } from '~/ui/States';
import css from './flags.module.css';
import { exportQuery } from './queries';
import { Affected } from './SettingEditor';
import type { Flag, Preview } from './types';

const JsonDiff = lazy(() => import('./JsonDiff').then((m) => ({ default: m.JsonDiff })));

const e = tf.editor;

/** What a change would do: in words, for whom, and as flagd reads it. */
export function PreviewView({
  flag,
  environment,
  preview,
}: {
  flag: Flag;
  environment: string;
  preview: Preview;
}) {
  return (
    <div className={css.stack}>
      <WordList title={e.reviewWords} lines={preview.diff} none={e.reviewNothing} />
      <Affected preview={preview} />
      {preview.warnings.length > 0 && (
        <Note tone="warn" role="status">
          {preview.warnings.map((line) => (
            <div key={line}>{line}</div>
          ))}
        </Note>
      )}
      <Samples preview={preview} />
      <Definition flag={flag} environment={environment} preview={preview} />
    </div>
  );
}

export function WordList({ title, lines, none }: { title?: string; lines: string[]; none: string }) {
  return (
    <div>
      {title && (
        <Text size="sm" fw={600}>
          {title}
        </Text>
      )}
      {lines.length === 0 ? (
        <Text size="sm" className="sph-muted">
          {none}
        </Text>
      ) : (
        <ul className={css.words}>
          {lines.map((line) => (
            <li key={line}>{line}</li>
          ))}
        </ul>
      )}
    </div>
  );
}

function Samples({ preview }: { preview: Preview }) {
  if (preview.samples.length === 0) return null;
  const changed = preview.samples.filter((sample) => sample.changed);
  return (
    <div>
      <Text size="sm" fw={600}>
        {e.reviewSamples}
      </Text>
      {changed.length === 0 ? (
        <Text size="sm" className="sph-muted">
          {e.samplesNone}
        </Text>
      ) : (
        <Table verticalSpacing={6} aria-label={e.reviewSamples}>
          <Table.Thead>
            <Table.Tr>
              <Table.Th>{e.sampleContext}</Table.Th>
              <Table.Th>{e.sampleNow}</Table.Th>
              <Table.Th>{e.sampleThen}</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {changed.map((sample) => (
              <Table.Tr key={sample.name}>
                <Table.Td>{sample.name}</Table.Td>
                <Table.Td>{sample.before || e.codeDefault}</Table.Td>
                <Table.Td>
                  <strong>{sample.after || e.codeDefault}</strong>
                </Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      )}
    </div>
  );
}

function Definition({ flag, environment, preview }: { flag: Flag; environment: string; preview: Preview }) {
  const [open, setOpen] = useState(false);
  const current = useQuery({ ...exportQuery(flag.project, environment), enabled: open });
  const flags = (current.data as { flags?: Record<string, unknown> } | undefined)?.flags;
  return (
    <div>
      <button type="button" className={css.linkButton} aria-expanded={open} onClick={() => setOpen(!open)}>
        {open ? e.hideJson : e.reviewJson}
      </button>
      {open && (
        <Suspense fallback={<Skeletons rows={4} />}>
          {current.isPending ? (
            <Skeletons rows={4} />
          ) : (
            <JsonDiff name={`${flag.key}.json`} before={flags?.[flag.key] ?? {}} after={preview.definition} />
          )}
        </Suspense>
      )}
    </div>
  );
}
