import { Group } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { url } from '~/api/client';
import { tf } from '~/strings/flags';
import { CopyButton } from '~/ui/bits';
import { CsvButton } from '~/ui/ListToolbar';
import { Section } from '~/ui/Section';
import { ErrorState, Skeletons } from '~/ui/States';
import css from './flags.module.css';
import { exportQuery } from './queries';
import type { Flag } from './types';

/** The flag as in-process clients and flagd get it. */
export function JsonTab({ flag, environment }: { flag: Flag; environment: string }) {
  const query = useQuery(exportQuery(flag.project, environment));
  const definition = (query.data as { flags?: Record<string, unknown> } | undefined)?.flags?.[flag.key];
  const text = definition === undefined ? '' : JSON.stringify({ [flag.key]: definition }, null, 2);
  const address = url('/v1/flag-projects/{project}/export', {
    path: { project: flag.project },
    query: { environment },
  });
  return (
    <Section
      title={tf.page.json}
      description={tf.page.jsonText}
      action={
        <Group gap="xs">
          {text && <CopyButton value={text} />}
          <CsvButton href={address} label={tf.page.downloadSet} />
        </Group>
      }
    >
      {query.isPending && <Skeletons rows={8} />}
      {query.error && !query.data && <ErrorState error={query.error} retry={() => void query.refetch()} />}
      {query.data !== undefined && (
        <pre className={css.json} tabIndex={0} aria-label={tf.page.json}>
          {text || tf.page.noJson}
        </pre>
      )}
    </Section>
  );
}
