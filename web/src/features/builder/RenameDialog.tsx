import { Button, Group, List, Text, TextInput } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { useMutation, useQuery } from '@tanstack/react-query';
import { useState, type FormEvent } from 'react';
import { isApiError } from '~/api/errors';
import { t } from '~/strings';
import { tc } from '~/strings/catalog';
import { Dialog } from '~/ui/Dialog';
import { toastDone } from '~/ui/toast';
import { renameMember, renamePreviewQuery } from './api';
import type { Part } from './document';

/** Renames a saved property, mirror or relation: at once, with all its values. */
export function RenameDialog({
  blueprint,
  part,
  name,
  onClose,
  onRenamed,
}: {
  blueprint: string;
  part: Part;
  name: string;
  onClose: () => void;
  onRenamed: (blueprint: Record<string, unknown>) => void;
}) {
  const [to, setTo] = useState(name);
  const [typed] = useDebouncedValue(to, 300);
  const preview = useQuery(renamePreviewQuery(blueprint, part, name, typed));
  const rename = useMutation({
    mutationFn: () => renameMember(blueprint, part, name, to),
    onSuccess: (answer) => {
      toastDone(tc.builder.renamed(to));
      onRenamed(answer.blueprint);
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (to !== name) rename.mutate();
  };
  return (
    <Dialog opened onClose={onClose} title={tc.builder.renameTitle(name)}>
      <form onSubmit={submit}>
        <Text size="sm" mb="sm">
          {tc.builder.renameText}
        </Text>
        <TextInput
          label={tc.builder.newName}
          value={to}
          required
          data-autofocus
          error={
            rename.error
              ? isApiError(rename.error)
                ? rename.error.message
                : t.common.pageErrorText
              : undefined
          }
          onChange={(event) => setTo(event.currentTarget.value)}
        />
        {preview.data && typed === to && (
          <div role="status">
            <Places title={tc.builder.renameFollows} places={preview.data.followed} />
            <Places title={tc.builder.renameByHand} places={preview.data.left} />
          </div>
        )}
        <Group justify="flex-end" gap="xs" mt="lg">
          <Button variant="default" onClick={onClose}>
            {t.common.cancel}
          </Button>
          <Button type="submit" loading={rename.isPending} disabled={to === name || to === ''}>
            {tc.builder.rename}
          </Button>
        </Group>
      </form>
    </Dialog>
  );
}

function Places({ title, places }: { title: string; places: string[] }) {
  if (places.length === 0) return null;
  return (
    <>
      <Text size="sm" fw={600} mt="sm">
        {title}
      </Text>
      <List size="sm" style={{ maxHeight: 180, overflowY: 'auto', overflowWrap: 'anywhere' }}>
        {places.map((place) => (
          <List.Item key={place}>{place}</List.Item>
        ))}
      </List>
    </>
  );
}
