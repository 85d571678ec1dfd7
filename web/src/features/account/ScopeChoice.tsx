import { Group, Select, TextInput } from '@mantine/core';
import { ts } from '~/strings/signin';

export type ScopeKind = 'all' | 'read' | 'chosen';

/** The scopes of a choice; none is all. */
export function scopesOf(kind: ScopeKind, text: string): string[] | undefined {
  if (kind === 'read') return ['read'];
  if (kind === 'chosen') return text.split(/[\s,]+/).filter(Boolean);
  return undefined;
}

/** What a token may be used for. */
export function ScopeChoice({
  kind,
  onKind,
  text,
  onText,
  error,
}: {
  kind: ScopeKind;
  onKind: (kind: ScopeKind) => void;
  text: string;
  onText: (text: string) => void;
  error?: string;
}) {
  return (
    <Group align="flex-start" gap="xs" mt="xs">
      <Select
        label={ts.machines.scopes}
        size="sm"
        w={260}
        allowDeselect={false}
        value={kind}
        onChange={(value) => onKind((value ?? 'all') as ScopeKind)}
        data={[
          { value: 'all', label: ts.machines.allScopes },
          { value: 'read', label: ts.machines.readScope },
          { value: 'chosen', label: ts.machines.chosenScopes },
        ]}
      />
      {kind === 'chosen' && (
        <TextInput
          label={ts.machines.chosenScopes}
          description={ts.machines.scopesHelp}
          size="sm"
          required
          withAsterisk={false}
          style={{ flex: '1 1 280px' }}
          value={text}
          error={error}
          onChange={(event) => onText(event.currentTarget.value)}
        />
      )}
    </Group>
  );
}
