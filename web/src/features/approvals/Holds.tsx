import { Button, Group, Text, TextInput } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api } from '~/api/client';
import { ta } from '~/strings/approvals';
import { When } from '~/ui/bits';
import { Section } from '~/ui/Section';
import { toastDone, toastError } from '~/ui/toast';
import { holdsQuery } from './queries';

const empty = { reason: '', action: '', environment: '', blueprint: '', team: '' };

/** What is held, and holding it. */
export function Holds({ may }: { may: boolean }) {
  const queryClient = useQueryClient();
  const list = useQuery(holdsQuery).data ?? [];
  const [body, setBody] = useState(empty);
  const done = (said: string) => {
    toastDone(said);
    void queryClient.invalidateQueries({ queryKey: holdsQuery.queryKey });
  };
  const add = useMutation({
    mutationFn: () => api.post('/v1/holds', {}, body),
    onSuccess: () => {
      setBody(empty);
      done(ta.rules.holdSet);
    },
    onError: (error) => toastError(error),
  });
  const lift = useMutation({
    mutationFn: (id: string) => api.delete('/v1/holds/{id}', { path: { id } }),
    onSuccess: () => done(ta.rules.holdLifted),
    onError: (error) => toastError(error),
  });
  const field = (name: keyof typeof empty, label: string, required = false) => (
    <TextInput
      label={label}
      required={required}
      value={body[name]}
      onChange={(event) => {
        const { value } = event.currentTarget;
        setBody((before) => ({ ...before, [name]: value }));
      }}
      style={{ flex: '1 1 180px' }}
    />
  );
  return (
    <Section title={ta.rules.holds} description={ta.rules.holdsText}>
      {list.length === 0 && (
        <Text size="sm" className="sph-muted" mb="sm">
          {ta.rules.noHolds}
        </Text>
      )}
      {list.map((hold) => (
        <Group key={hold.id} justify="space-between" mb="sm" gap="xs">
          <Text size="sm" component="div">
            <strong>
              {[hold.action, hold.environment, hold.entity, hold.blueprint, hold.team]
                .filter(Boolean)
                .join(', ') || ta.rules.everything}
            </strong>
            : {hold.reason} · <When at={hold.createdAt} />
          </Text>
          {may && (
            <Button size="compact-sm" variant="default" onClick={() => lift.mutate(hold.id)}>
              {ta.rules.holdLift}
            </Button>
          )}
        </Group>
      ))}
      {may && (
        <form
          onSubmit={(event) => {
            event.preventDefault();
            add.mutate();
          }}
        >
          <Group align="end" gap="sm">
            {field('reason', ta.rules.holdReason, true)}
            {field('action', ta.rules.holdAction)}
            {field('environment', ta.rules.holdEnvironment)}
            {field('blueprint', ta.rules.holdBlueprint)}
            {field('team', ta.rules.holdTeam)}
            <Button type="submit" variant="default" loading={add.isPending}>
              {ta.rules.holdAdd}
            </Button>
          </Group>
        </form>
      )}
    </Section>
  );
}
