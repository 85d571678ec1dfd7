import { Button, Group, Stack, Text } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { api } from '~/api/client';
import { isApiError } from '~/api/errors';
import { entityQuery } from '~/api/queries';
import type { Blueprint, Entity, Version } from '~/api/types';
import { ChangeTable } from '~/features/entityForm/ChangeTable';
import { tc } from '~/strings/catalog';
import { Dialog } from '~/ui/Dialog';
import { Note } from '~/ui/Note';
import { toastDone } from '~/ui/toast';
import { backwards, shownChanges } from './changes';

/** Shows what an undo does before it does it. */
export function UndoDialog({
  blueprint,
  entity,
  version,
  onClose,
}: {
  blueprint: Blueprint;
  entity: Entity;
  version: Version;
  onClose: () => void;
}) {
  const queryClient = useQueryClient();
  const path = { bp: entity.blueprint, id: entity.identifier, version: version.version };
  const undo = useMutation({
    mutationFn: (force: boolean) =>
      api.post('/v1/blueprints/{bp}/entities/{id}/history/{version}/undo', {
        path,
        query: { force: force || undefined },
      }),
    onSuccess: async (answer) => {
      queryClient.setQueryData(entityQuery(path.bp, path.id).queryKey, answer.entity);
      await queryClient.invalidateQueries({ queryKey: ['entity'] });
      toastDone(tc.history.undone(version.version));
      onClose();
    },
  });
  const conflict = isApiError(undo.error, 'conflict');
  const title = tc.history.undoTitle(version.version, entity.title || entity.identifier);
  return (
    <Dialog opened onClose={onClose} title={title} size="xl">
      <Stack gap="sm">
        <Text size="sm">{tc.history.undoText}</Text>
        <ChangeTable label={title} changes={shownChanges(blueprint, backwards(version.changes))} />
        {undo.error && (
          <Note
            tone={conflict ? 'warn' : 'bad'}
            role="alert"
            title={conflict ? tc.history.conflict : undefined}
          >
            {undo.error.message}
            {isApiError(undo.error) &&
              undo.error.details.map((d) => (
                <div key={`${d.field} ${d.problem}`}>
                  {d.field} {d.problem}
                </div>
              ))}
            {conflict && <div>{tc.history.undoForce}</div>}
          </Note>
        )}
        <Group justify="flex-end" gap="xs">
          <Button variant="default" onClick={onClose}>
            {tc.form.cancel}
          </Button>
          <Button
            color={conflict ? 'red' : undefined}
            loading={undo.isPending}
            data-autofocus
            onClick={() => undo.mutate(conflict)}
          >
            {conflict ? tc.history.undoAll : tc.history.undoVersion(version.version)}
          </Button>
        </Group>
      </Stack>
    </Dialog>
  );
}
