import { Button, Group, Text, Textarea } from '@mantine/core';
import type { ReactNode } from 'react';
import { isApiError } from '~/api/errors';
import { t } from '~/strings';
import { ti } from '~/strings/inout';
import { IconArrowLeft } from '~/ui/icons';
import { Note } from '~/ui/Note';
import { EmptyState, ErrorState, Skeletons } from '~/ui/States';

export const pretty = (value: unknown) => JSON.stringify(value ?? null, null, 2);

/** JSON in a text: what it says, or undefined where it is none. */
export function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** JSON as text, with what is wrong beside it. */
export function JsonField({
  label,
  description,
  value,
  minRows = 8,
  onChange,
}: {
  label: string;
  description?: string;
  value: string;
  minRows?: number;
  onChange: (text: string) => void;
}) {
  return (
    <Textarea
      label={label}
      description={description}
      autosize
      minRows={minRows}
      maxRows={32}
      spellCheck={false}
      styles={{ input: { fontFamily: 'var(--mantine-font-family-monospace)', fontSize: 13 } }}
      error={parse(value) === undefined ? ti.json.bad : undefined}
      value={value}
      onChange={(event) => onChange(event.currentTarget.value)}
    />
  );
}

/** What a call was refused for, by place. */
export function Refusal({ error }: { error: unknown }) {
  if (!error) return null;
  const fields = isApiError(error) ? Object.entries(error.fieldErrors()) : [];
  return (
    <Note tone="bad" role="alert" title={isApiError(error) ? error.message : t.common.pageErrorText}>
      {fields.length > 0 && (
        <ul style={{ margin: 0, paddingLeft: 18 }}>
          {fields.map(([field, problem]) => (
            <li key={field} style={{ overflowWrap: 'anywhere' }}>
              <span className="mono">{field}</span> {problem}
            </li>
          ))}
        </ul>
      )}
    </Note>
  );
}

/** A list in all of its states. */
export function Listed<T>({
  query,
  icon,
  none,
  noneText,
  children,
}: {
  query: { data?: T[]; error: unknown; isPending: boolean; refetch: () => unknown };
  icon?: ReactNode;
  none: string;
  noneText: string;
  children: (list: T[]) => ReactNode;
}) {
  const { data, error, isPending } = query;
  if (isPending) return <Skeletons />;
  if (error && !data) return <ErrorState error={error} retry={() => void query.refetch()} />;
  if (!data || data.length === 0) return <EmptyState icon={icon} title={none} text={noneText} />;
  return <div className="sph-divided">{children(data)}</div>;
}

/** One line of a list: what it is, what is said of it, what can be done. */
export function Line({ name, text, side }: { name: ReactNode; text?: ReactNode; side?: ReactNode }) {
  return (
    <Group justify="space-between" gap="sm" px="md" py="sm">
      <div style={{ minWidth: 0, flex: '1 1 220px' }}>
        <Text size="sm" fw={550} component="div" style={{ overflowWrap: 'anywhere' }}>
          {name}
        </Text>
        {text && (
          <Text size="sm" className="sph-muted" component="div" style={{ overflowWrap: 'anywhere' }}>
            {text}
          </Text>
        )}
      </div>
      {side && <Group gap={6}>{side}</Group>}
    </Group>
  );
}

/** The way back to the list. */
export function Back({ onBack, children }: { onBack: () => void; children?: ReactNode }) {
  return (
    <Group justify="space-between" mb="sm">
      <Button
        variant="subtle"
        size="compact-sm"
        leftSection={<IconArrowLeft size={14} aria-hidden />}
        onClick={onBack}
      >
        {ti.json.back}
      </Button>
      {children && <Group gap={6}>{children}</Group>}
    </Group>
  );
}

export function Block({ value }: { value: unknown }) {
  return (
    <pre
      tabIndex={0}
      style={{
        margin: 0,
        maxHeight: 360,
        overflow: 'auto',
        fontSize: 12.5,
        whiteSpace: 'pre-wrap',
        overflowWrap: 'anywhere',
      }}
    >
      {pretty(value)}
    </pre>
  );
}
