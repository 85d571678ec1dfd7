import { Button, Group, List, Select, Stack, Text, TextInput } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState, type FormEvent, type ReactNode } from 'react';
import { api } from '~/api/client';
import { isApiError } from '~/api/errors';
import type { Holdings, Team } from '~/api/types';
import { ts } from '~/strings/signin';
import { Dialog } from '~/ui/Dialog';
import { Note } from '~/ui/Note';
import { ErrorState, Skeletons } from '~/ui/States';
import { toastDone } from '~/ui/toast';
import { holdingsQuery } from './queries';

/** What a team has, in words. */
function held(h: Holdings): string[] {
  return [
    ...h.entities.map((e) => ts.people.ownedEntities(e.count, e.title)),
    ...(h.repositories ? [ts.people.ownedRepositories(h.repositories)] : []),
    ...(h.flags ? [ts.people.ownedFlags(h.flags)] : []),
    ...(h.serviceAccounts ? [ts.people.ownedAccounts(h.serviceAccounts)] : []),
  ];
}

/** Says what a change of the team means for what it has. */
function Has({ team, none, some }: { team: Team; none: string; some: string }) {
  const { data, error, isPending, refetch } = useQuery(holdingsQuery(team.name));
  if (isPending) return <Skeletons rows={1} />;
  if (error) return <ErrorState error={error} retry={() => void refetch()} />;
  const list = held(data);
  if (list.length === 0) return <Text size="sm">{none}</Text>;
  return (
    <div>
      <Text size="sm">{some}</Text>
      <List size="sm" mt={4}>
        {list.map((line) => (
          <List.Item key={line}>{line}</List.Item>
        ))}
      </List>
    </div>
  );
}

/** After it everything that shows teams or owners is read again. */
function useTeamChange(run: () => Promise<unknown>, said: string, onClose: () => void) {
  const queryClient = useQueryClient();
  return useMutation({
    mutationFn: run,
    onSuccess: async () => {
      onClose();
      toastDone(said);
      // What the team had is not asked again: it may not be there under this name.
      await queryClient.invalidateQueries({ predicate: ({ queryKey }) => queryKey[0] !== 'holdings' });
    },
  });
}

function Form({
  title,
  change,
  onClose,
  verb,
  danger,
  disabled,
  children,
}: {
  title: string;
  change: ReturnType<typeof useTeamChange>;
  onClose: () => void;
  verb: string;
  danger?: boolean;
  disabled?: boolean;
  children: ReactNode;
}) {
  const submit = (event: FormEvent) => {
    event.preventDefault();
    change.mutate();
  };
  return (
    <Dialog opened onClose={onClose} title={title}>
      <form onSubmit={submit}>
        <Stack gap="sm">
          {change.error && (
            <Note tone="bad" role="alert">
              {change.error.message}
            </Note>
          )}
          {children}
          <Group justify="flex-end" gap="xs">
            <Button variant="default" onClick={onClose}>
              {ts.signin.cancel}
            </Button>
            <Button
              type="submit"
              color={danger ? 'red' : undefined}
              loading={change.isPending}
              disabled={disabled}
            >
              {verb}
            </Button>
          </Group>
        </Stack>
      </form>
    </Dialog>
  );
}

export function RenameTeam({ team, onClose }: { team: Team; onClose: () => void }) {
  const [name, setName] = useState(team.name);
  const [title, setTitle] = useState(team.title);
  const change = useTeamChange(
    () => api.patch('/v1/teams/{name}', { path: { name: team.name } }, { name, title }),
    ts.people.teamRenamed(name),
    onClose,
  );
  const fields = isApiError(change.error) ? change.error.fieldErrors() : {};
  return (
    <Form
      title={ts.people.renameTeamTitle(team.name)}
      change={change}
      onClose={onClose}
      verb={ts.people.save}
    >
      <TextInput
        data-autofocus
        label={ts.people.name}
        description={ts.people.teamNameHelp}
        required
        withAsterisk={false}
        value={name}
        error={fields.name}
        onChange={(event) => setName(event.currentTarget.value)}
      />
      <TextInput
        label={ts.people.teamTitle}
        value={title}
        error={fields.title}
        onChange={(event) => setTitle(event.currentTarget.value)}
      />
      <Has team={team} none={ts.people.renameNothing} some={ts.people.renameTakes} />
      <Text size="xs" className="sph-muted">
        {ts.people.renameNotes}
      </Text>
    </Form>
  );
}

export function DeleteTeam({ team, teams, onClose }: { team: Team; teams: Team[]; onClose: () => void }) {
  const [to, setTo] = useState<string | null>(null);
  const { data } = useQuery(holdingsQuery(team.name));
  const owns = data !== undefined && held(data).length > 0;
  const change = useTeamChange(
    () => api.delete('/v1/teams/{name}', { path: { name: team.name }, query: to ? { moveTo: to } : {} }),
    ts.people.teamDeleted(team.name),
    onClose,
  );
  return (
    <Form
      title={ts.people.deleteTeamTitle(team.name)}
      change={change}
      onClose={onClose}
      verb={ts.people.deleteTeam}
      danger
      disabled={!data || (owns && !to)}
    >
      <Text size="sm">{ts.people.deleteTeamText(team.members)}</Text>
      <Has team={team} none={ts.people.deleteNothing} some={ts.people.deleteOwns} />
      {owns && (
        <Select
          label={ts.people.moveTo}
          description={ts.people.moveToHelp}
          searchable
          data={teams.map((one) => one.name).filter((name) => name !== team.name)}
          value={to}
          onChange={setTo}
        />
      )}
    </Form>
  );
}
