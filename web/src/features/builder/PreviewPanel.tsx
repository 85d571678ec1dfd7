import { Text } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { isApiError } from '~/api/errors';
import type { Entity } from '~/api/types';
import { t } from '~/strings';
import { tc } from '~/strings/catalog';
import { Fact, Facts } from '~/ui/bits';
import { Note } from '~/ui/Note';
import { Section } from '~/ui/Section';
import { Skeletons } from '~/ui/States';
import { previewQuery } from './api';
import { members, parts, type Doc } from './document';

const shown = (value: unknown): string =>
  value === null || value === undefined
    ? '–'
    : typeof value === 'object'
      ? JSON.stringify(value)
      : String(value);

/** Three real entities as the edited blueprint would show them. */
export function PreviewPanel({ doc, enabled }: { doc: Doc; enabled: boolean }) {
  const [settled] = useDebouncedValue(doc, 400);
  const query = useQuery({
    ...previewQuery(settled),
    enabled: enabled && settled.identifier !== '',
    placeholderData: keepPreviousData,
  });
  const { data, error } = query;
  return (
    <Section title={tc.builder.preview} description={tc.builder.previewText}>
      {error && (
        <Note tone="warn" title={tc.builder.previewFailed} role="status">
          <Problems error={error} />
        </Note>
      )}
      {query.isLoading && <Skeletons rows={5} />}
      {(!enabled || data?.samples.length === 0) && !error && (
        <Text size="sm" className="sph-muted">
          {tc.builder.previewNone}
        </Text>
      )}
      {!error &&
        data?.samples.map((entity) => <Sample key={entity.identifier} doc={settled} entity={entity} />)}
    </Section>
  );
}

/** What is wrong, field by field. */
export function Problems({ error }: { error: unknown }) {
  if (!isApiError(error)) return <Text size="sm">{t.common.pageErrorText}</Text>;
  const fields = Object.entries(error.fieldErrors());
  if (fields.length === 0) return <Text size="sm">{error.message}</Text>;
  return (
    <ul style={{ margin: 0, paddingLeft: 18 }}>
      {fields.map(([field, problem]) => (
        <li key={field}>
          <span className="mono">{field}</span> {problem}
        </li>
      ))}
    </ul>
  );
}

function Sample({ doc, entity }: { doc: Doc; entity: Entity }) {
  const values = entity.properties as Record<string, unknown>;
  const related = entity.relations as Record<string, unknown>;
  const rows = parts.flatMap((part) =>
    Object.entries(members(doc, part)).map(([name, definition]) => ({
      key: `${part}/${name}`,
      name: definition.title || name,
      value: part === 'relations' ? related[name] : values[name],
    })),
  );
  return (
    <details open style={{ marginBottom: 8 }}>
      <summary style={{ cursor: 'pointer', fontWeight: 600, padding: '4px 0' }}>{entity.title}</summary>
      <Facts>
        {rows.map((row) => (
          <Fact key={row.key} name={row.name}>
            <span style={{ overflowWrap: 'anywhere' }}>{shown(row.value)}</span>
          </Fact>
        ))}
      </Facts>
    </details>
  );
}
