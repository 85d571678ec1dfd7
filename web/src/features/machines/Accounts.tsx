import { Button, Code, Group, MultiSelect, Select, Stack, Text, TextInput } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useMutation, useQuery, useQueryClient, useSuspenseQuery } from '@tanstack/react-query';
import { useState, type FormEvent } from 'react';
import { api } from '~/api/client';
import { isApiError } from '~/api/errors';
import { meQuery } from '~/api/queries';
import type { ServiceAccount } from '~/api/types';
import { ScopeChoice, scopesOf, type ScopeKind } from '~/features/account/ScopeChoice';
import { allRoles } from '~/features/people/AddPerson';
import { teamsQuery } from '~/features/people/queries';
import { t } from '~/strings';
import { ts } from '~/strings/signin';
import { CopyButton, Pill, When } from '~/ui/bits';
import { confirm } from '~/ui/confirm';
import { Dialog } from '~/ui/Dialog';
import { IconPlus, IconRobot } from '~/ui/icons';
import { Note } from '~/ui/Note';
import { Section } from '~/ui/Section';
import { EmptyState, ErrorState, Skeletons } from '~/ui/States';
import { toastError } from '~/ui/toast';
import { accountsQuery, accountTokensQuery } from './queries';

/** The service accounts that the person sees. */
export function Accounts() {
  const { data, error, isPending, refetch } = useQuery(accountsQuery);
  const [adding, add] = useDisclosure();
  return (
    <Section
      title={ts.machines.accounts}
      description={ts.machines.accountsText}
      flush
      action={
        <Button size="compact-sm" leftSection={<IconPlus size={15} aria-hidden />} onClick={add.open}>
          {ts.machines.add}
        </Button>
      }
    >
      {isPending && <Skeletons rows={2} />}
      {error && !data && <ErrorState error={error} retry={() => void refetch()} />}
      {data?.length === 0 && (
        <EmptyState icon={<IconRobot size={28} />} title={ts.machines.none} text={ts.machines.noneText} />
      )}
      {data?.map((account) => (
        <Account key={account.id} account={account} />
      ))}
      {adding && <AddAccount onClose={add.close} />}
    </Section>
  );
}

function Account({ account }: { account: ServiceAccount }) {
  const queryClient = useQueryClient();
  const [open, toggle] = useDisclosure();
  const changed = () => queryClient.invalidateQueries({ queryKey: ['machines'] });
  const change = useMutation({
    mutationFn: (enabled: boolean) =>
      api.patch('/v1/service-accounts/{id}', { path: { id: account.id } }, { enabled }),
    onSuccess: changed,
    onError: (reason) => toastError(reason),
  });
  const remove = useMutation({
    mutationFn: () => api.delete('/v1/service-accounts/{id}', { path: { id: account.id } }),
    onSuccess: changed,
    onError: (reason) => toastError(reason),
  });
  return (
    <div>
      <div className="sph-row sph-line">
        <div className="sph-line-text">
          <Text size="sm" fw={550}>
            {account.name} {!account.enabled && <Pill tone="warn">{ts.machines.off}</Pill>}
          </Text>
          <Text size="xs" className="sph-muted">
            {account.team} · {account.roles.join(', ')} · {ts.machines.owner}: {account.ownerName}
          </Text>
          {account.description && <Text size="xs">{account.description}</Text>}
        </div>
        <Group gap={6}>
          <Button size="compact-sm" variant="default" aria-expanded={open} onClick={toggle.toggle}>
            {ts.machines.tokens}
          </Button>
          <Button size="compact-sm" variant="default" onClick={() => change.mutate(!account.enabled)}>
            {account.enabled ? ts.machines.turnOff : ts.machines.turnOn}
          </Button>
          <Button
            size="compact-sm"
            variant="default"
            onClick={() =>
              confirm({
                title: ts.machines.removeTitle(account.name),
                text: ts.machines.removeText,
                verb: ts.machines.remove,
                danger: true,
                onConfirm: () => remove.mutate(),
              })
            }
          >
            {ts.machines.remove}
          </Button>
        </Group>
      </div>
      {open && <AccountTokens id={account.id} />}
    </div>
  );
}

function AccountTokens({ id }: { id: string }) {
  const queryClient = useQueryClient();
  const { data, error, isPending, refetch } = useQuery(accountTokensQuery(id));
  const [name, setName] = useState('');
  const [kind, setKind] = useState<ScopeKind>('all');
  const [chosen, setChosen] = useState('');
  const [plain, setPlain] = useState<string>();
  const changed = () => queryClient.invalidateQueries({ queryKey: accountTokensQuery(id).queryKey });
  const create = useMutation({
    mutationFn: () =>
      api.post(
        '/v1/service-accounts/{id}/tokens',
        { path: { id } },
        { name, scopes: scopesOf(kind, chosen) },
      ),
    onSuccess: ({ value }) => {
      setPlain(value);
      setName('');
      void changed();
    },
  });
  const remove = useMutation({
    mutationFn: (token: string) =>
      api.delete('/v1/service-accounts/{id}/tokens/{token}', { path: { id, token } }),
    onSuccess: changed,
    onError: (reason) => toastError(reason),
  });
  const fields = isApiError(create.error) ? create.error.fieldErrors() : {};
  const submit = (event: FormEvent) => {
    event.preventDefault();
    create.mutate();
  };
  return (
    <div style={{ padding: '4px 16px 16px 28px' }}>
      {isPending && <Skeletons rows={1} />}
      {error && !data && <ErrorState error={error} retry={() => void refetch()} />}
      {data?.length === 0 && (
        <Text size="sm" className="sph-muted">
          {ts.machines.noTokens}
        </Text>
      )}
      {data?.map((token) => (
        <Group key={token.id} justify="space-between" gap="xs" py={4}>
          <Text size="sm" style={{ overflowWrap: 'anywhere' }}>
            {token.name} <span className="mono sph-muted">{token.hint}…</span>{' '}
            {token.kind === 'ci' && <Pill tone="info">{ts.machines.fromJob}</Pill>}{' '}
            {token.scopes?.map((scope) => (
              <Pill key={scope} tone="mute">
                {scope}
              </Pill>
            ))}
          </Text>
          <Group gap="xs">
            <Text size="xs" className="sph-muted">
              {t.account.lastUsed} <When at={token.usedAt} /> · {t.account.expires}{' '}
              <When at={token.expiresAt} />
            </Text>
            <Button size="compact-xs" variant="default" onClick={() => remove.mutate(token.id)}>
              {t.account.deleteToken}
            </Button>
          </Group>
        </Group>
      ))}
      {plain ? (
        <Note tone="ok" title={ts.machines.copyToken}>
          <Group gap="xs" wrap="nowrap">
            <Code style={{ overflowWrap: 'anywhere' }}>{plain}</Code>
            <CopyButton value={plain} />
            <Button size="compact-sm" variant="default" onClick={() => setPlain(undefined)}>
              {t.account.done}
            </Button>
          </Group>
        </Note>
      ) : (
        <form onSubmit={submit}>
          <Group align="flex-end" gap="xs" mt="xs">
            <TextInput
              label={ts.machines.tokenName}
              size="sm"
              required
              withAsterisk={false}
              value={name}
              error={fields.name}
              onChange={(event) => setName(event.currentTarget.value)}
            />
            <Button type="submit" size="sm" variant="default" loading={create.isPending}>
              {ts.machines.newToken}
            </Button>
          </Group>
          <ScopeChoice kind={kind} onKind={setKind} text={chosen} onText={setChosen} error={fields.scopes} />
          {create.error && Object.keys(fields).length === 0 && (
            <Text size="sm" c="var(--sph-bad)" mt="xs" role="alert">
              {create.error.message}
            </Text>
          )}
        </form>
      )}
    </div>
  );
}

function AddAccount({ onClose }: { onClose: () => void }) {
  const queryClient = useQueryClient();
  const { user } = useSuspenseQuery(meQuery).data;
  const admin = user.roles.includes('administrator');
  const teams = useQuery({ ...teamsQuery, enabled: admin }).data?.map((team) => team.name) ?? user.teams;
  const [name, setName] = useState('');
  const [description, setDescription] = useState('');
  const [team, setTeam] = useState<string | null>(user.teams[0] ?? null);
  const [roles, setRoles] = useState<string[]>([]);
  const create = useMutation({
    mutationFn: () => api.post('/v1/service-accounts', {}, { name, description, team: team ?? '', roles }),
    onSuccess: async () => {
      await queryClient.invalidateQueries({ queryKey: ['machines'] });
      onClose();
    },
  });
  const fields = isApiError(create.error) ? create.error.fieldErrors() : {};
  const submit = (event: FormEvent) => {
    event.preventDefault();
    create.mutate();
  };
  return (
    <Dialog opened onClose={onClose} title={ts.machines.add}>
      <form onSubmit={submit}>
        <Stack gap="sm">
          {create.error && Object.keys(fields).length === 0 && (
            <Note tone="bad" role="alert">
              {create.error.message}
            </Note>
          )}
          <TextInput
            data-autofocus
            label={ts.machines.name}
            required
            withAsterisk={false}
            value={name}
            error={fields.name}
            onChange={(event) => setName(event.currentTarget.value)}
          />
          <TextInput
            label={ts.machines.description_}
            value={description}
            error={fields.description}
            onChange={(event) => setDescription(event.currentTarget.value)}
          />
          <Select
            label={ts.machines.team}
            searchable
            data={teams}
            value={team}
            error={fields.team}
            onChange={setTeam}
          />
          <MultiSelect
            label={ts.machines.roles}
            data={admin ? allRoles : user.roles}
            value={roles}
            error={fields.roles}
            onChange={setRoles}
          />
          <Group justify="flex-end">
            <Button type="submit" loading={create.isPending}>
              {ts.machines.add}
            </Button>
          </Group>
        </Stack>
      </form>
    </Dialog>
  );
}
