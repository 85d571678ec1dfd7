import { Button, Checkbox, Group, MultiSelect, Stack, Text, TextInput } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState, type FormEvent } from 'react';
import { api } from '~/api/client';
import { isApiError } from '~/api/errors';
import { meQuery } from '~/api/queries';
import type { PersonAccount } from '~/api/types';
import { ViewAsButton } from '~/features/access/ViewAs';
import { browserName } from '~/features/account/Sessions';
import { t } from '~/strings';
import { ts } from '~/strings/signin';
import { Pill, When } from '~/ui/bits';
import { confirm } from '~/ui/confirm';
import { Note } from '~/ui/Note';
import { PageHeader } from '~/ui/PageHeader';
import { Section } from '~/ui/Section';
import { ErrorState, Skeletons } from '~/ui/States';
import { toastDone, toastError } from '~/ui/toast';
import { allRoles } from './AddPerson';
import { personQuery, teamsQuery } from './queries';

/** One account: what the person may do, where they are signed in, who they are at providers. */
export function PersonPage({ id }: { id: string }) {
  const { data, error, isPending, refetch } = useQuery(personQuery(id));
  const me = useQuery(meQuery).data?.user.id;
  if (isPending) return <Skeletons />;
  if (error && !data) return <ErrorState error={error} retry={() => void refetch()} />;
  return (
    <div className="sph-page narrow">
      <PageHeader
        title={data.name}
        description={data.email}
        actions={
          <>
            {data.status === 'active' && data.id !== me && <ViewAsButton id={data.id} name={data.name} />}
            <SuspendButton person={data} />
          </>
        }
      />
      <Rights key={JSON.stringify([data.roles, data.teams, data.contractor, data.name])} person={data} />
      <PersonSessions person={data} />
      <Identities person={data} />
    </div>
  );
}

function useChange(person: PersonAccount) {
  const queryClient = useQueryClient();
  return useMutation({
    mutationFn: (change: {
      name?: string;
      status?: 'active' | 'suspended';
      roles?: string[];
      teams?: string[];
      contractor?: boolean;
    }) => api.patch('/v1/people/{id}', { path: { id: person.id } }, change),
    onSuccess: async () => {
      await queryClient.invalidateQueries({ queryKey: ['people'] });
      toastDone(ts.people.saved);
    },
  });
}

function SuspendButton({ person }: { person: PersonAccount }) {
  const change = useChange(person);
  if (person.status !== 'active') {
    return (
      <Button
        loading={change.isPending}
        onClick={() => change.mutate({ status: 'active' }, { onError: (reason) => toastError(reason) })}
      >
        {ts.people.activate}
      </Button>
    );
  }
  return (
    <Button
      variant="default"
      loading={change.isPending}
      onClick={() =>
        confirm({
          title: ts.people.suspendTitle(person.name),
          text: ts.people.suspendText,
          verb: ts.people.suspend,
          danger: true,
          onConfirm: () =>
            change.mutate({ status: 'suspended' }, { onError: (reason) => toastError(reason) }),
        })
      }
    >
      {ts.people.suspend}
    </Button>
  );
}

function Rights({ person }: { person: PersonAccount }) {
  const known = useQuery(teamsQuery).data ?? [];
  const [name, setName] = useState(person.name);
  const [roles, setRoles] = useState(person.roles);
  const [teams, setTeams] = useState(person.teams);
  const [contractor, setContractor] = useState(person.contractor ?? false);
  const change = useChange(person);
  const fields = isApiError(change.error) ? change.error.fieldErrors() : {};
  const submit = (event: FormEvent) => {
    event.preventDefault();
    change.mutate({ name, roles, teams, contractor });
  };
  return (
    <Section title={ts.people.roles}>
      <form onSubmit={submit}>
        <Stack gap="sm">
          {change.error && Object.keys(fields).length === 0 && (
            <Note tone="bad" role="alert">
              {change.error.message}
            </Note>
          )}
          <TextInput
            label={ts.people.name}
            value={name}
            error={fields.name}
            onChange={(event) => setName(event.currentTarget.value)}
          />
          <MultiSelect
            label={ts.people.roles}
            data={allRoles}
            value={roles}
            error={fields.roles}
            onChange={setRoles}
          />
          <MultiSelect
            label={ts.people.teams}
            searchable
            data={[...new Set([...known.map((team) => team.name), ...teams])]}
            value={teams}
            error={fields.teams}
            onChange={setTeams}
          />
          <Checkbox
            label={ts.people.contractor}
            description={ts.people.contractorHelp}
            checked={contractor}
            onChange={(event) => setContractor(event.currentTarget.checked)}
          />
          <Group>
            <Button type="submit" loading={change.isPending}>
              {ts.people.save}
            </Button>
          </Group>
        </Stack>
      </form>
    </Section>
  );
}

function PersonSessions({ person }: { person: PersonAccount }) {
  const queryClient = useQueryClient();
  const changed = () => queryClient.invalidateQueries({ queryKey: ['people'] });
  const end = useMutation({
    mutationFn: (session?: string) =>
      session
        ? api.delete('/v1/people/{id}/sessions/{session}', { path: { id: person.id, session } })
        : api.delete('/v1/people/{id}/sessions', { path: { id: person.id } }),
    onSuccess: changed,
    onError: (reason) => toastError(reason),
  });
  const sessions = person.sessions ?? [];
  return (
    <Section
      title={ts.people.sessions}
      flush
      action={
        sessions.length > 0 && (
          <Button
            size="compact-sm"
            variant="default"
            onClick={() =>
              confirm({
                title: ts.people.signOutTitle(person.name),
                text: ts.people.signOutText,
                verb: ts.people.signOutAll,
                danger: true,
                onConfirm: () => end.mutate(undefined),
              })
            }
          >
            {ts.people.signOutAll}
          </Button>
        )
      }
    >
      {sessions.length === 0 && (
        <Text size="sm" p="md" className="sph-muted">
          {ts.people.noSessions}
        </Text>
      )}
      {sessions.map((session) => (
        <div key={session.id} className="sph-row sph-line">
          <div className="sph-line-text">
            <Text size="sm" fw={550}>
              {browserName(session.userAgent)} {session.issuer && <Pill tone="info">{session.issuer}</Pill>}
            </Text>
            <Text size="xs" className="sph-muted">
              {session.ip} · {t.account.lastUsed} <When at={session.seenAt} />
            </Text>
          </div>
          <Button size="compact-sm" variant="default" onClick={() => end.mutate(session.id)}>
            {ts.people.signOut}
          </Button>
        </div>
      ))}
    </Section>
  );
}

function Identities({ person }: { person: PersonAccount }) {
  const queryClient = useQueryClient();
  const [issuer, setIssuer] = useState('');
  const [subject, setSubject] = useState('');
  const changed = () => queryClient.invalidateQueries({ queryKey: ['people'] });
  const connect = useMutation({
    mutationFn: () =>
      api.post('/v1/people/{id}/identities', { path: { id: person.id } }, { issuer, subject }),
    onSuccess: async () => {
      setIssuer('');
      setSubject('');
      await changed();
    },
  });
  const disconnect = useMutation({
    mutationFn: (from: string) =>
      api.delete('/v1/people/{id}/identities', { path: { id: person.id }, query: { issuer: from } }),
    onSuccess: changed,
    onError: (reason) => toastError(reason),
  });
  const identities = person.identities ?? [];
  const submit = (event: FormEvent) => {
    event.preventDefault();
    connect.mutate();
  };
  return (
    <Section title={ts.people.identities} flush>
      {identities.length === 0 && (
        <Text size="sm" p="md" className="sph-muted">
          {ts.people.noIdentities}
        </Text>
      )}
      {identities.map((identity) => (
        <div key={identity.issuer} className="sph-row sph-line">
          <div className="sph-line-text">
            <Text size="sm" fw={550} style={{ overflowWrap: 'anywhere' }}>
              {identity.issuer}
            </Text>
            <Text size="xs" className="sph-muted mono">
              {identity.subject}
            </Text>
          </div>
          <Button
            size="compact-sm"
            variant="default"
            onClick={() =>
              confirm({
                title: ts.people.disconnectTitle,
                text: ts.people.disconnectText,
                verb: ts.people.disconnect,
                danger: true,
                onConfirm: () => disconnect.mutate(identity.issuer),
              })
            }
          >
            {ts.people.disconnect}
          </Button>
        </div>
      ))}
      <form onSubmit={submit} style={{ padding: '12px 16px' }}>
        <Group align="flex-end" gap="xs">
          <TextInput
            label={ts.people.issuer}
            size="sm"
            required
            withAsterisk={false}
            style={{ flex: '1 1 220px' }}
            value={issuer}
            onChange={(event) => setIssuer(event.currentTarget.value)}
          />
          <TextInput
            label={ts.people.subject}
            size="sm"
            required
            withAsterisk={false}
            style={{ flex: '1 1 180px' }}
            value={subject}
            onChange={(event) => setSubject(event.currentTarget.value)}
          />
          <Button type="submit" size="sm" variant="default" loading={connect.isPending}>
            {ts.people.connect}
          </Button>
        </Group>
        {connect.error && (
          <Text size="sm" c="var(--sph-bad)" mt="xs" role="alert">
            {connect.error.message}
          </Text>
        )}
      </form>
    </Section>
  );
}
