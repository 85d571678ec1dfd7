import { Button, Group, NativeSelect, Table, Text } from '@mantine/core';
import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api } from '~/api/client';
import { tn } from '~/strings/notices';
import { Pill, When, type Tone } from '~/ui/bits';
import { confirm } from '~/ui/confirm';
import { IconBell } from '~/ui/icons';
import { PageHeader } from '~/ui/PageHeader';
import { Section } from '~/ui/Section';
import { EmptyState, ErrorState, Skeletons } from '~/ui/States';
import { toastDone, toastError } from '~/ui/toast';
import { ChannelDialog } from './ChannelDialog';
import { channelsQuery, deliveriesQuery, type Channel } from './queries';

/** Where notices go besides people, and the delivery log. */
export function ChannelsPage() {
  const { data, error, isPending, refetch } = useQuery(channelsQuery);
  const [editing, setEditing] = useState<Channel | 'new'>();
  return (
    <div className="sph-page">
      <PageHeader
        title={tn.channels.title}
        description={tn.channels.description}
        crumbs={[{ label: tn.notices.title, link: { to: '/notices' } }, { label: tn.channels.title }]}
        actions={<Button onClick={() => setEditing('new')}>{tn.channels.add}</Button>}
      />
      <div className="sph-card">
        {isPending && <Skeletons />}
        {error && !data && <ErrorState error={error} retry={() => void refetch()} />}
        {data?.length === 0 && (
          <EmptyState icon={<IconBell size={28} />} title={tn.channels.none} text={tn.channels.noneText} />
        )}
        {data && data.length > 0 && (
          <div className="sph-divided">
            {data.map((channel) => (
              <Row key={channel.id} channel={channel} onEdit={() => setEditing(channel)} />
            ))}
          </div>
        )}
      </div>
      {data && <Deliveries />}
      {editing && (
        <ChannelDialog
          channel={editing === 'new' ? undefined : editing}
          onClose={() => setEditing(undefined)}
        />
      )}
    </div>
  );
}

function Row({ channel, onEdit }: { channel: Channel; onEdit: () => void }) {
  const queryClient = useQueryClient();
  const test = useMutation({
    mutationFn: () => api.post('/v1/notice-channels/{id}/test', { path: { id: channel.id } }),
    onSuccess: (answer) => toastDone(tn.channels.tested(answer.status)),
    onError: (error) => toastError(error),
  });
  const remove = useMutation({
    mutationFn: () => api.delete('/v1/notice-channels/{id}', { path: { id: channel.id } }),
    onSuccess: () => {
      toastDone(tn.channels.removed);
      void queryClient.invalidateQueries({ queryKey: channelsQuery.queryKey });
    },
    onError: (error) => toastError(error),
  });
  return (
    <Group justify="space-between" gap="sm" px="md" py="sm">
      <div style={{ minWidth: 0, flex: '1 1 240px' }}>
        <Group gap={6}>
          <Text size="sm" fw={550}>
            {channel.name}
          </Text>
          <Pill tone="info">{tn.channels.types[channel.type]}</Pill>
          {!channel.enabled && <Pill tone="mute">{tn.channels.off}</Pill>}
        </Group>
        <Text size="sm" className="sph-muted" style={{ overflowWrap: 'anywhere' }}>
          {channel.host} · {[...channel.kinds, ...channel.teams].join(', ') || tn.channels.everything}
        </Text>
      </div>
      <Group gap={6}>
        <Button size="compact-sm" variant="default" loading={test.isPending} onClick={() => test.mutate()}>
          {tn.channels.test}
        </Button>
        <Button size="compact-sm" variant="default" onClick={onEdit}>
          {tn.channels.edit}
        </Button>
        <Button
          size="compact-sm"
          variant="subtle"
          color="red"
          onClick={() =>
            confirm({
              title: tn.channels.removeTitle(channel.name),
              text: tn.channels.removeText,
              verb: tn.channels.remove,
              danger: true,
              onConfirm: () => remove.mutate(),
            })
          }
        >
          {tn.channels.remove}
        </Button>
      </Group>
    </Group>
  );
}

const tones: Record<string, Tone> = { waiting: 'warn', sent: 'ok', failed: 'bad' };

function Deliveries() {
  const queryClient = useQueryClient();
  const [state, setState] = useState<'' | 'waiting' | 'sent' | 'failed'>('');
  const query = useInfiniteQuery(deliveriesQuery(state));
  const list = query.data?.pages.flatMap((page) => page.deliveries) ?? [];
  const retry = useMutation({
    mutationFn: (id: string) => api.post('/v1/notice-deliveries/{id}/retry', { path: { id } }),
    onSuccess: () => {
      toastDone(tn.channels.retried);
      void queryClient.invalidateQueries({ queryKey: ['notice', 'deliveries'] });
    },
    onError: (error) => toastError(error),
  });
  return (
    <Section title={tn.channels.deliveries} flush>
      <Group px="md" py="sm">
        <NativeSelect
          size="sm"
          aria-label={tn.channels.state}
          value={state}
          onChange={(event) => setState(event.currentTarget.value as typeof state)}
          data={[
            { value: '', label: tn.channels.anyState },
            ...Object.entries(tn.channels.states).map(([value, label]) => ({ value, label })),
          ]}
        />
      </Group>
      {query.isSuccess && list.length === 0 && (
        <Text size="sm" className="sph-muted" px="md" pb="md">
          {tn.channels.noDeliveries}
        </Text>
      )}
      {list.length > 0 && (
        <Table.ScrollContainer minWidth={760}>
          <Table verticalSpacing="xs">
            <Table.Thead>
              <Table.Tr>
                <Table.Th>{tn.channels.what}</Table.Th>
                <Table.Th>{tn.channels.where}</Table.Th>
                <Table.Th>{tn.channels.state}</Table.Th>
                <Table.Th ta="right">{tn.channels.attempts}</Table.Th>
                <Table.Th>{tn.channels.status}</Table.Th>
                <Table.Th>{tn.channels.when}</Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {list.map((one) => (
                <Table.Tr key={one.id}>
                  <Table.Td style={{ overflowWrap: 'anywhere' }}>{one.title}</Table.Td>
                  <Table.Td>
                    {one.channel} {one.to}
                  </Table.Td>
                  <Table.Td>
                    <Pill tone={tones[one.state] ?? 'mute'}>{tn.channels.states[one.state]}</Pill>
                  </Table.Td>
                  <Table.Td ta="right" className="num">
                    {one.attempts}
                  </Table.Td>
                  <Table.Td>
                    {one.status}{' '}
                    {one.state === 'failed' && (
                      <Button size="compact-xs" variant="default" onClick={() => retry.mutate(one.id)}>
                        {tn.channels.retry}
                      </Button>
                    )}
                  </Table.Td>
                  <Table.Td>
                    <When at={one.endedAt ?? one.at} />
                  </Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </Table.ScrollContainer>
      )}
      {query.hasNextPage && (
        <Group justify="center" p="sm">
          <Button variant="default" size="compact-sm" onClick={() => void query.fetchNextPage()}>
            {tn.notices.more}
          </Button>
        </Group>
      )}
    </Section>
  );
}
