import {
  Button,
  Group,
  MultiSelect,
  NativeSelect,
  PasswordInput,
  Stack,
  Switch,
  TagsInput,
  TextInput,
} from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api } from '~/api/client';
import { t } from '~/strings';
import { tn } from '~/strings/notices';
import { Dialog } from '~/ui/Dialog';
import { toastDone, toastError } from '~/ui/toast';
import { channelsQuery, type Channel, type ChannelBody } from './queries';

const fresh: ChannelBody = { name: '', type: 'slack', enabled: true, kinds: [], teams: [] };

/** Makes or changes one channel. */
export function ChannelDialog({ channel, onClose }: { channel?: Channel; onClose: () => void }) {
  const queryClient = useQueryClient();
  const [body, setBody] = useState<ChannelBody>(
    channel
      ? {
          name: channel.name,
          type: channel.type,
          enabled: channel.enabled,
          kinds: channel.kinds,
          teams: channel.teams,
        }
      : fresh,
  );
  const change = (part: Partial<ChannelBody>) => setBody((before) => ({ ...before, ...part }));
  const save = useMutation({
    mutationFn: () =>
      channel
        ? api.put('/v1/notice-channels/{id}', { path: { id: channel.id } }, body)
        : api.post('/v1/notice-channels', {}, body),
    onSuccess: () => {
      toastDone(tn.channels.saved);
      void queryClient.invalidateQueries({ queryKey: channelsQuery.queryKey });
      onClose();
    },
    onError: (error) => toastError(error),
  });
  return (
    <Dialog opened onClose={onClose} title={channel ? channel.name : tn.channels.add}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          save.mutate();
        }}
      >
        <Stack gap="md">
          <TextInput
            label={tn.channels.name}
            required
            maxLength={100}
            value={body.name}
            onChange={(event) => change({ name: event.currentTarget.value })}
            data-autofocus
          />
          <NativeSelect
            label={tn.channels.type}
            value={body.type}
            onChange={(event) => change({ type: event.currentTarget.value as ChannelBody['type'] })}
            data={Object.entries(tn.channels.types).map(([value, label]) => ({ value, label }))}
          />
          <TextInput
            label={tn.channels.url}
            description={tn.channels.urlHint}
            type="url"
            required={!channel}
            autoComplete="off"
            value={body.url ?? ''}
            onChange={(event) => change({ url: event.currentTarget.value || undefined })}
          />
          {body.type === 'webhook' && (
            <PasswordInput
              label={tn.channels.key}
              autoComplete="new-password"
              value={body.key ?? ''}
              onChange={(event) => change({ key: event.currentTarget.value || undefined })}
            />
          )}
          <MultiSelect
            label={tn.channels.kinds}
            value={body.kinds ?? []}
            onChange={(kinds) => change({ kinds })}
            data={Object.entries(tn.notices.kinds).map(([value, label]) => ({ value, label }))}
          />
          <TagsInput
            label={tn.channels.teams}
            value={body.teams ?? []}
            onChange={(teams) => change({ teams })}
          />
          <Switch
            label={tn.channels.enabled}
            checked={body.enabled}
            onChange={(event) => change({ enabled: event.currentTarget.checked })}
          />
        </Stack>
        <Group justify="flex-end" gap="xs" mt="lg">
          <Button variant="default" onClick={onClose}>
            {t.common.cancel}
          </Button>
          <Button type="submit" loading={save.isPending}>
            {tn.channels.save}
          </Button>
        </Group>
      </form>
    </Dialog>
  );
}
