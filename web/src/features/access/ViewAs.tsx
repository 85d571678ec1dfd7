import { Button, Group, Select } from '@mantine/core';
import { useMutation, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { api } from '~/api/client';
import { ta } from '~/strings/access';
import { confirm } from '~/ui/confirm';
import { Section } from '~/ui/Section';
import { toastError } from '~/ui/toast';
import { whoQuery } from './queries';

/** Lets an administrator look at the portal as somebody else. */
export function ViewAs({ me }: { me: string }) {
  const people = useQuery(whoQuery({}, 'catalog.read')).data?.people ?? [];
  const [user, setUser] = useState<string | null>(null);
  const start = useMutation({
    mutationFn: (id: string) => api.post('/v1/access/view-as/{user}', { path: { user: id } }),
    onSuccess: () => window.location.assign('/'),
    onError: (reason) => toastError(reason),
  });
  const name = people.find((one) => one.id === user)?.name ?? '';
  return (
    <Section title={ta.viewAs} description={ta.viewAsText}>
      <Group align="flex-end" gap="xs">
        <Select
          label={ta.person}
          searchable
          style={{ flex: '1 1 14rem', maxWidth: 360 }}
          data={people.filter((one) => one.id !== me).map((one) => ({ value: one.id, label: one.name }))}
          value={user}
          onChange={setUser}
        />
        <Button
          variant="default"
          disabled={!user}
          loading={start.isPending}
          onClick={() =>
            user &&
            confirm({
              title: ta.viewAsTitle(name),
              text: ta.viewAsText,
              verb: ta.viewAs,
              onConfirm: () => start.mutate(user),
            })
          }
        >
          {ta.viewAs}
        </Button>
      </Group>
    </Section>
  );
}
