import { Button, Group } from '@mantine/core';
import type { Blueprint, Entity } from '~/api/types';
import { same, valueOf } from '~/features/catalog/fields';
import { tc } from '~/strings/catalog';
import { Dialog } from '~/ui/Dialog';
import { Note } from '~/ui/Note';
import { ChangeTable } from './ChangeTable';
import { filled, changesOf, type Change } from './form';

/** What saving changes, against what is there now and not when the form was opened. */
export function ReviewDialog(props: {
  blueprint: Blueprint;
  base: Entity;
  fresh: Entity;
  changes: Change[];
  saving: boolean;
  onSave: () => void;
  onClose: () => void;
}) {
  const { blueprint, base, fresh, changes, saving, onSave, onClose } = props;
  const theirs = changesOf(blueprint, base, filled(blueprint, fresh));
  const shown = changes.map(({ field, before, after }) => {
    const now = valueOf(fresh, field);
    return { field, before: now, after, note: same(now, before) ? undefined : tc.form.overwritten };
  });
  const title = tc.form.reviewTitle(base.title || base.identifier);
  return (
    <Dialog opened onClose={onClose} title={title} size="xl">
      {theirs.length > 0 && (
        <Note tone="warn" role="status">
          {tc.form.meanwhile(tc.form.someone)}
        </Note>
      )}
      <ChangeTable changes={shown} label={title} />
      <Group justify="flex-end" gap="xs" mt="lg">
        <Button variant="default" onClick={onClose}>
          {tc.form.cancel}
        </Button>
        <Button onClick={onSave} loading={saving} data-autofocus>
          {tc.form.save}
        </Button>
      </Group>
    </Dialog>
  );
}
