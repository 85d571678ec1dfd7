import { Button, Group, Text, TextInput } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState, type FormEvent } from 'react';
import { api } from '~/api/client';
import { isApiError } from '~/api/errors';
import { ts } from '~/strings/signin';
import { Section } from '~/ui/Section';
import { ErrorState, Skeletons } from '~/ui/States';
import { teamsQuery } from './queries';

/** The teams; people are put into them on their own pages. */
export function Teams() {
  const queryClient = useQueryClient();
  const { data, error, isPending, refetch } = useQuery(teamsQuery);
  const [name, setName] = useState('');
  const create = useMutation({
    mutationFn: () => api.post('/v1/teams', {}, { name }),
    onSuccess: async () => {
      setName('');
      await queryClient.invalidateQueries({ queryKey: teamsQuery.queryKey });
    },
  });
  const fields = isApiError(create.error) ? create.error.fieldErrors() : {};
  const submit = (event: FormEvent) => {
    event.preventDefault();
    create.mutate();
  };
  return (
    <Section title={ts.people.teamsTitle} description={ts.people.teamsText} flush>
      {isPending && <Skeletons rows={2} />}
      {error && !data && <ErrorState error={error} retry={() => void refetch()} />}
      {data?.map((team) => (
        <div key={team.name} className="sph-row sph-line">
          <Text size="sm" fw={550} className="sph-line-text" style={{ overflowWrap: 'anywhere' }}>
            {team.name}
          </Text>
        </div>
      ))}
      <form onSubmit={submit} style={{ padding: '12px 16px' }}>
        <Group align="flex-end" gap="xs">
          <TextInput
            label={ts.people.newTeam}
            size="sm"
            required
            withAsterisk={false}
            value={name}
            error={fields.name}
            onChange={(event) => setName(event.currentTarget.value)}
          />
          <Button type="submit" size="sm" variant="default" loading={create.isPending}>
            {ts.people.addTeam}
          </Button>
        </Group>
        {create.error && Object.keys(fields).length === 0 && (
          <Text size="sm" c="var(--sph-bad)" mt="xs" role="alert">
            {create.error.message}
          </Text>
        )}
      </form>
    </Section>
  );
}
