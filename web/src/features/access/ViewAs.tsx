import { Button, Group, Select } from '@mantine/core';
import { useMutation, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { api } from '~/api/client';
import { ta } from '~/strings/access';
import { confirm } from '~/ui/confirm';
import { Section } from '~/ui/Section';
import { toastError } from '~/ui/toast';
import { whoQuery } from './queries';

/** Starts to look at the portal as one person, after a question. */
export function ViewAsButton({ id, name, disabled }: { id: string; name: string; disabled?: boolean }) {
  const start = useMutation({
    mutationFn: () => api.post('/v1/access/view-as/{user}', { path: { user: id } }),
    onSuccess: () => window.location.assign('/'),
    onError: (reason) => toastError(reason),
  });
  return (
    <Button
      variant="default"
      disabled={disabled}
      loading={start.isPending}
      onClick={() =>
        confirm({
          title: ta.viewAsTitle(name),
          text: ta.viewAsText,
          verb: ta.viewAs,
          onConfirm: () => start.mutate(),
        })
      }
    >
      {ta.viewAs}
    </Button>
  );
}

/** Lets an administrator look at the portal as somebody else. */
export function ViewAs({ me }: { me: string }) {
  const people = useQuery(whoQuery({}, 'catalog.read')).data?.people ?? [];
  const [user, setUser] = useState<string | null>(null);
  const name = people.find((one) => one.id === user)?.name ?? '';
  return (
    <Section title={ta.viewAs} description={ta.viewAsText}>
      <Group align="flex-end" gap="xs">
        <Select
          label={ta.person}
          searchable
          style={{ flex: '1 1 14rem', maxWidth: 360 }}
          data={people
            .filter((one) => one.id !== me && !one.kind)
            .map((one) => ({ value: one.id, label: one.name }))}
          value={user}
          onChange={setUser}
        />
        <ViewAsButton id={user ?? ''} name={name} disabled={!user} />
      </Group>
    </Section>
  );
}
