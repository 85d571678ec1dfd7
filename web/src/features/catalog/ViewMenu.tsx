import { Button, Checkbox, Group, Menu, Stack, Text, TextInput } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api } from '~/api/client';
import { isApiError } from '~/api/errors';
import type { SavedView } from '~/api/types';
import { tc } from '~/strings/catalog';
import { Dialog } from '~/ui/Dialog';
import { IconCheck, IconChevronDown, IconEye, IconTrash } from '~/ui/icons';
import { toastDone, toastError } from '~/ui/toast';
import { viewsQuery } from './listQueries';

/** The entities of a blueprint, or another list. */
export type ViewsOf = { blueprint: string } | { list: 'flags' };

type Props = {
  of: ViewsOf;
  /** The search part of the address without the name of the view. */
  state: string;
  current?: string;
  onOpen: (view: SavedView | undefined) => void;
};

/** Saved views: open one, save what is shown, change or delete one's own. */
export function ViewMenu({ of, state, current, onOpen }: Props) {
  const queryClient = useQueryClient();
  const { data: views = [] } = useQuery(viewsQuery(of));
  const [saving, setSaving] = useState(false);
  const view = views.find((each) => each.id === current);
  const changed = view !== undefined && view.state !== state;
  const refresh = () => queryClient.invalidateQueries({ queryKey: ['view'] });
  const save = useMutation({
    mutationFn: ({ id, name, shared }: SavedView) =>
      api.put('/v1/views/{id}', { path: { id } }, { name, shared, ...of, state }),
    onSuccess: async (answer) => {
      await refresh();
      toastDone(tc.list.viewSaved(answer.view.name));
    },
    onError: (error) => toastError(error),
  });
  const remove = useMutation({
    mutationFn: ({ id }: SavedView) => api.delete('/v1/views/{id}', { path: { id } }),
    onSuccess: async (_, { id, name }) => {
      if (id === current) onOpen(undefined);
      await refresh();
      toastDone(tc.list.viewDeleted(name));
    },
    onError: (error) => toastError(error),
  });
  const items = (title: string, list: SavedView[]) =>
    list.length > 0 && (
      <>
        <Menu.Label>{title}</Menu.Label>
        {list.map((each) => (
          <Menu.Item
            key={each.id}
            leftSection={each.id === current ? <IconCheck size={14} /> : <span style={{ width: 14 }} />}
            onClick={() => onOpen(each)}
          >
            {each.name}
            {!each.mine && (
              <Text span size="xs" className="sph-muted">
                {' '}
                {tc.list.by(each.ownerName)}
              </Text>
            )}
          </Menu.Item>
        ))}
      </>
    );
  return (
    <>
      <Menu position="bottom-end" width={280}>
        <Menu.Target>
          <Button
            variant={view ? 'light' : 'default'}
            size="sm"
            leftSection={<IconEye size={16} aria-hidden />}
            rightSection={<IconChevronDown size={14} aria-hidden />}
          >
            {view ? `${view.name}${changed ? ` (${tc.list.changed})` : ''}` : tc.list.views}
          </Button>
        </Menu.Target>
        <Menu.Dropdown>
          {views.length === 0 && <Menu.Label>{tc.list.noViews}</Menu.Label>}
          {items(
            tc.list.mine,
            views.filter((each) => each.mine),
          )}
          {items(
            tc.list.shared,
            views.filter((each) => !each.mine),
          )}
          <Menu.Divider />
          {view?.mine && changed && (
            <Menu.Item onClick={() => save.mutate(view)}>{tc.list.saveChanges(view.name)}</Menu.Item>
          )}
          <Menu.Item onClick={() => setSaving(true)}>{tc.list.saveView}</Menu.Item>
          {view && <Menu.Item onClick={() => onOpen(undefined)}>{tc.list.resetView}</Menu.Item>}
          {view?.mine && (
            <Menu.Item
              styles={{ item: { color: 'var(--sph-bad)' } }}
              leftSection={<IconTrash size={14} />}
              onClick={() => remove.mutate(view)}
            >
              {tc.list.deleteView(view.name)}
            </Menu.Item>
          )}
        </Menu.Dropdown>
      </Menu>
      {saving && (
        <SaveDialog
          of={of}
          state={state}
          onClose={() => setSaving(false)}
          onSaved={async (saved) => {
            await refresh();
            setSaving(false);
            toastDone(tc.list.viewSaved(saved.name));
            onOpen(saved);
          }}
        />
      )}
    </>
  );
}

function SaveDialog(props: {
  of: ViewsOf;
  state: string;
  onClose: () => void;
  onSaved: (view: SavedView) => Promise<void>;
}) {
  const [name, setName] = useState('');
  const [shared, setShared] = useState(false);
  const { of, state, onClose, onSaved } = props;
  const create = useMutation({
    mutationFn: () => api.post('/v1/views', {}, { name, shared, ...of, state }),
    onSuccess: (answer) => onSaved(answer.view),
  });
  const error = create.error;
  return (
    <Dialog opened onClose={onClose} title={tc.list.saveView}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (name.trim()) create.mutate();
        }}
      >
        <Stack gap="md">
          <TextInput
            label={tc.list.viewName}
            data-autofocus
            maxLength={100}
            value={name}
            error={error && (isApiError(error) ? (error.fieldErrors().name ?? error.message) : error.message)}
            onChange={(event) => setName(event.currentTarget.value)}
          />
          <Checkbox
            label={tc.list.share}
            description={tc.list.shareText}
            checked={shared}
            onChange={(event) => setShared(event.currentTarget.checked)}
          />
          <Group justify="flex-end" gap="xs">
            <Button variant="default" onClick={onClose}>
              {tc.form.cancel}
            </Button>
            <Button type="submit" disabled={!name.trim()} loading={create.isPending}>
              {tc.list.save}
            </Button>
          </Group>
        </Stack>
      </form>
    </Dialog>
  );
}
