import { Button, Group, Text, TextInput } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api } from '~/api/client';
import { meQuery } from '~/api/queries';
import { ta } from '~/strings/approvals';
import { When } from '~/ui/bits';
import { Section } from '~/ui/Section';
import { toastDone, toastError } from '~/ui/toast';
import { delegationsQuery } from './queries';

/** Who decides for whom while somebody is away. */
export function Away() {
  const queryClient = useQueryClient();
  const me = useQuery(meQuery).data?.user.id;
  const list = useQuery(delegationsQuery).data ?? [];
  const [to, setTo] = useState('');
  const [until, setUntil] = useState('');
  const [reason, setReason] = useState('');
  const done = (said: string) => {
    toastDone(said);
    void queryClient.invalidateQueries({ queryKey: delegationsQuery.queryKey });
  };
  const add = useMutation({
    mutationFn: () =>
      api.post(
        '/v1/approval-delegations',
        {},
        { to, reason, until: new Date(`${until}T23:59:00`).toISOString() },
      ),
    onSuccess: () => {
      setTo('');
      setReason('');
      done(ta.approvals.awayAdded);
    },
    onError: (error) => toastError(error),
  });
  const end = useMutation({
    mutationFn: (id: string) => api.delete('/v1/approval-delegations/{id}', { path: { id } }),
    onSuccess: () => done(ta.approvals.awayEnded),
    onError: (error) => toastError(error),
  });
  return (
    <Section title={ta.approvals.away} description={ta.approvals.awayText}>
      {list.map((one) => (
        <Group key={one.id} justify="space-between" mb="sm" gap="xs">
          <Text size="sm" component="div">
            {one.giver.id === me
              ? ta.approvals.awayGave(one.taker.name)
              : ta.approvals.awayGot(one.giver.name)}{' '}
            {ta.approvals.until} <When at={one.until} />
            {one.reason && ` · ${one.reason}`}
          </Text>
          {one.giver.id === me && (
            <Button size="compact-sm" variant="default" onClick={() => end.mutate(one.id)}>
              {ta.approvals.awayEnd}
            </Button>
          )}
        </Group>
      ))}
      <form
        onSubmit={(event) => {
          event.preventDefault();
          add.mutate();
        }}
      >
        <Group align="end" gap="sm">
          <TextInput
            label={ta.approvals.awayTo}
            type="email"
            required
            value={to}
            onChange={(event) => setTo(event.currentTarget.value)}
            style={{ flex: '1 1 220px' }}
          />
          <TextInput
            label={ta.approvals.awayUntil}
            type="date"
            required
            value={until}
            onChange={(event) => setUntil(event.currentTarget.value)}
          />
          <TextInput
            label={ta.approvals.awayReason}
            value={reason}
            maxLength={500}
            onChange={(event) => setReason(event.currentTarget.value)}
            style={{ flex: '1 1 160px' }}
          />
          <Button type="submit" variant="default" loading={add.isPending}>
            {ta.approvals.awayAdd}
          </Button>
        </Group>
      </form>
    </Section>
  );
}
