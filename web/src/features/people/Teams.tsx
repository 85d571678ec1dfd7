import { Button, Group, Text, TextInput } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api } from '~/api/client';
import type { Team } from '~/api/types';
import { ts } from '~/strings/signin';
import { Pill } from '~/ui/bits';
import { Section } from '~/ui/Section';
import { ErrorState, Skeletons } from '~/ui/States';
import { InlineForm } from './InlineForm';
import { DeleteTeam, RenameTeam } from './TeamDialogs';
import { teamsQuery } from './queries';

/** The teams; people are put into them on their own pages. */
export function Teams() {
  const queryClient = useQueryClient();
  const { data, error, isPending, refetch } = useQuery(teamsQuery);
  const [name, setName] = useState('');
  const [open, setOpen] = useState<{ team: Team; what: 'rename' | 'delete' }>();
  const create = useMutation({
    mutationFn: () => api.post('/v1/teams', {}, { name }),
    onSuccess: async () => {
      setName('');
      await queryClient.invalidateQueries({ queryKey: teamsQuery.queryKey });
    },
  });
  const close = () => setOpen(undefined);
  return (
    <Section title={ts.people.teamsTitle} description={ts.people.teamsText} flush>
      {isPending && <Skeletons rows={2} />}
      {error && !data && <ErrorState error={error} retry={() => void refetch()} />}
      {data?.map((team) => (
        <TeamRow
          key={team.name}
          team={team}
          onRename={() => setOpen({ team, what: 'rename' })}
          onDelete={() => setOpen({ team, what: 'delete' })}
        />
      ))}
      <InlineForm create={create} verb={ts.people.addTeam}>
        {(fields) => (
          <TextInput
            label={ts.people.newTeam}
            size="sm"
            required
            withAsterisk={false}
            value={name}
            error={fields.name}
            onChange={(event) => setName(event.currentTarget.value)}
          />
        )}
      </InlineForm>
      {open?.what === 'rename' && <RenameTeam team={open.team} onClose={close} />}
      {open?.what === 'delete' && <DeleteTeam team={open.team} teams={data ?? []} onClose={close} />}
    </Section>
  );
}

function TeamRow({ team, onRename, onDelete }: { team: Team; onRename: () => void; onDelete: () => void }) {
  const directory = team.directory;
  return (
    <div className="sph-row sph-line">
      <div className="sph-line-text">
        <Text size="sm" fw={550} style={{ overflowWrap: 'anywhere' }}>
          {team.title || team.name} {directory && <Pill tone="info">{directory}</Pill>}
        </Text>
        <Text size="xs" className="sph-muted" style={{ overflowWrap: 'anywhere' }}>
          {team.title !== team.name && `${team.name} · `}
          {ts.people.members(team.members)}
          {directory && ` · ${ts.people.directoryDecides(directory)}`}
        </Text>
      </div>
      {!directory && (
        <Group gap={6}>
          <Button
            size="compact-sm"
            variant="default"
            onClick={onRename}
            aria-label={ts.people.renameTeamTitle(team.name)}
          >
            {ts.people.renameTeam}
          </Button>
          <Button
            size="compact-sm"
            variant="default"
            onClick={onDelete}
            aria-label={ts.people.deleteTeamTitle(team.name)}
          >
            {ts.people.deleteTeam}
          </Button>
        </Group>
      )}
    </div>
  );
}
