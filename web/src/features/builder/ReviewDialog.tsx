import { Button, Checkbox, Group, Stack, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { plural } from '~/lib/format';
import { t } from '~/strings';
import { tc } from '~/strings/catalog';
import { Pill } from '~/ui/bits';
import { Dialog } from '~/ui/Dialog';
import { Note } from '~/ui/Note';
import { Skeletons } from '~/ui/States';
import { previewQuery, type Migration } from './api';
import css from './builder.module.css';
import { Problems } from './PreviewPanel';
import type { Difference, Doc } from './document';

const tones = { added: 'ok', removed: 'bad', changed: 'info' } as const;
const values = (n: number) => plural(n, 'value', 'values');

/** Everything that saving would change, before it does. */
export function ReviewDialog({
  doc,
  differences,
  isNew,
  saving,
  saveError,
  onSave,
  onClose,
}: {
  doc: Doc;
  differences: Difference[];
  isNew: boolean;
  saving: boolean;
  saveError: unknown;
  onSave: (dropFailing: boolean) => void;
  onClose: () => void;
}) {
  const [drop, setDrop] = useState(false);
  const preview = useQuery({ ...previewQuery(doc), enabled: !isNew });
  const failing = preview.data?.migrations.some((migration) => migration.fails > 0) ?? false;
  return (
    <Dialog opened onClose={onClose} title={tc.builder.reviewTitle} size="lg">
      <Stack gap="md">
        {(saveError ?? preview.error) !== null && (
          <Note tone="bad" role="alert">
            <Problems error={saveError ?? preview.error} />
          </Note>
        )}
        {preview.isLoading && <Skeletons rows={3} />}
        {preview.data && (
          <Text size="sm">{tc.builder.affected(plural(preview.data.entities, 'entity', 'entities'))}</Text>
        )}
        {preview.data?.migrations.map((migration) => (
          <MigrationNote key={migration.property} migration={migration} />
        ))}
        {preview.data?.lost
          .filter((lost) => lost.values > 0)
          .map((lost) => (
            <Note key={lost.property} tone="warn" title={lost.property}>
              {tc.builder.lost(values(lost.values))}
            </Note>
          ))}
        <Stack gap={6} component="ul" style={{ listStyle: 'none', padding: 0, margin: 0 }}>
          {differences.map((difference) => (
            <li key={`${difference.part}/${difference.name}`}>
              <Group gap="xs" wrap="nowrap" align="flex-start">
                <Pill tone={tones[difference.kind]}>{tc.builder.kinds[difference.kind]}</Pill>
                <div style={{ minWidth: 0, flex: 1 }}>
                  <Text size="sm">
                    {tc.builder.parts[difference.part]}: <span className="mono">{difference.name}</span>
                  </Text>
                  {difference.kind === 'changed' && (
                    <details>
                      <summary className="sph-muted" style={{ cursor: 'pointer', fontSize: 12 }}>
                        {tc.builder.more}
                      </summary>
                      <pre
                        className={css.value}
                      >{`− ${JSON.stringify(difference.before)}\n+ ${JSON.stringify(difference.after)}`}</pre>
                    </details>
                  )}
                </div>
              </Group>
            </li>
          ))}
        </Stack>
        {failing && (
          <Checkbox
            label={tc.builder.dropFailing}
            checked={drop}
            onChange={(event) => setDrop(event.currentTarget.checked)}
          />
        )}
        <Group justify="flex-end" gap="xs">
          <Button variant="default" onClick={onClose}>
            {t.common.cancel}
          </Button>
          <Button
            onClick={() => onSave(drop)}
            loading={saving}
            disabled={preview.isLoading || (failing && !drop) || (preview.error !== null && !isNew)}
            data-autofocus
          >
            {tc.builder.save}
          </Button>
        </Group>
      </Stack>
    </Dialog>
  );
}

function MigrationNote({ migration }: { migration: Migration }) {
  return (
    <Note
      tone={migration.fails > 0 ? 'warn' : 'info'}
      title={tc.builder.migration(migration.property, migration.from, migration.to)}
    >
      <Text size="sm">
        {tc.builder.converts(String(migration.converts))} · {tc.builder.fails(String(migration.fails))}
      </Text>
      {migration.examples.length > 0 && (
        <ul style={{ margin: '4px 0 0', paddingLeft: 18 }}>
          {migration.examples.map((example) => (
            <li key={example.identifier}>
              <span className="mono">{example.identifier}</span>: {JSON.stringify(example.value)} –{' '}
              {example.problem}
            </li>
          ))}
        </ul>
      )}
    </Note>
  );
}
