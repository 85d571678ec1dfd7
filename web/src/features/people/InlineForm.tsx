import { Button, Group, Text } from '@mantine/core';
import type { FormEvent, ReactNode } from 'react';
import { isApiError } from '~/api/errors';

/** The part of a mutation that a form needs. */
interface Creating {
  error: Error | null;
  isPending: boolean;
  mutate: () => void;
}

/**
 * A form of one line at the end of a list: what is wrong with a field stands at
 * the field, anything else below.
 */
export function InlineForm({
  create,
  verb,
  children,
}: {
  create: Creating;
  verb: string;
  children: (fields: Record<string, string>) => ReactNode;
}) {
  const fields = isApiError(create.error) ? create.error.fieldErrors() : {};
  const submit = (event: FormEvent) => {
    event.preventDefault();
    create.mutate();
  };
  return (
    <form onSubmit={submit} style={{ padding: '12px 16px' }}>
      <Group align="flex-end" gap="xs">
        {children(fields)}
        <Button type="submit" size="sm" variant="default" loading={create.isPending}>
          {verb}
        </Button>
      </Group>
      {create.error && Object.keys(fields).length === 0 && (
        <Text size="sm" c="var(--sph-bad)" mt="xs" role="alert">
          {create.error.message}
        </Text>
      )}
    </form>
  );
}
