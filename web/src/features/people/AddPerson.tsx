import { Button, Checkbox, Group, MultiSelect, PasswordInput, Stack, TextInput } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState, type FormEvent } from 'react';
import { api } from '~/api/client';
import { isApiError } from '~/api/errors';
import { ts } from '~/strings/signin';
import { Dialog } from '~/ui/Dialog';
import { Note } from '~/ui/Note';
import { toastDone } from '~/ui/toast';
import { teamsQuery } from './queries';

export const allRoles = ['viewer', 'developer', 'maintainer', 'infrastructure', 'administrator'];

/** Makes an account. */
export function AddPerson({ onClose }: { onClose: () => void }) {
  const queryClient = useQueryClient();
  const teams = useQuery(teamsQuery).data ?? [];
  const [form, setForm] = useState({
    name: '',
    email: '',
    password: '',
    roles: ['developer'],
    teams: [] as string[],
    contractor: false,
  });
  const create = useMutation({
    mutationFn: () => api.post('/v1/people', {}, { ...form, password: form.password || undefined }),
    onSuccess: async ({ person }) => {
      await queryClient.invalidateQueries({ queryKey: ['people'] });
      toastDone(ts.people.added(person.name));
      onClose();
    },
  });
  const fields = isApiError(create.error) ? create.error.fieldErrors() : {};
  const submit = (event: FormEvent) => {
    event.preventDefault();
    create.mutate();
  };
  const set = (change: Partial<typeof form>) => setForm((before) => ({ ...before, ...change }));
  return (
    <Dialog opened onClose={onClose} title={ts.people.add}>
      <form onSubmit={submit}>
        <Stack gap="sm">
          {create.error && Object.keys(fields).length === 0 && (
            <Note tone="bad" role="alert">
              {create.error.message}
            </Note>
          )}
          <TextInput
            data-autofocus
            label={ts.people.name}
            required
            withAsterisk={false}
            value={form.name}
            error={fields.name}
            onChange={(event) => set({ name: event.currentTarget.value })}
          />
          <TextInput
            label={ts.people.email}
            type="email"
            required
            withAsterisk={false}
            value={form.email}
            error={fields.email}
            onChange={(event) => set({ email: event.currentTarget.value })}
          />
          <PasswordInput
            label={ts.people.password}
            description={ts.people.passwordHelp}
            autoComplete="new-password"
            value={form.password}
            error={fields.password}
            onChange={(event) => set({ password: event.currentTarget.value })}
          />
          <MultiSelect
            label={ts.people.roles}
            data={allRoles}
            value={form.roles}
            error={fields.roles}
            onChange={(roles) => set({ roles })}
          />
          <MultiSelect
            label={ts.people.teams}
            searchable
            data={teams.map((team) => team.name)}
            value={form.teams}
            error={fields.teams}
            onChange={(chosen) => set({ teams: chosen })}
          />
          <Checkbox
            label={ts.people.contractor}
            description={ts.people.contractorHelp}
            checked={form.contractor}
            onChange={(event) => set({ contractor: event.currentTarget.checked })}
          />
          <Group justify="flex-end">
            <Button type="submit" loading={create.isPending}>
              {ts.people.add}
            </Button>
          </Group>
        </Stack>
      </form>
    </Dialog>
  );
}
