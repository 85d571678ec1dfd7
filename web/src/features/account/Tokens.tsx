import { Button, Code, Group, Select, Text, TextInput } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState, type FormEvent } from 'react';
import { api } from '~/api/client';
import { isApiError } from '~/api/errors';
import { tokensQuery } from '~/api/queries';
import type { Token } from '~/api/types';
import { t } from '~/strings';
import { CopyButton, Pill, When } from '~/ui/bits';
import { confirm } from '~/ui/confirm';
import { IconKey, IconPlus } from '~/ui/icons';
import { Section } from '~/ui/Section';
import { EmptyState, ErrorState, Skeletons } from '~/ui/States';
import { toastError } from '~/ui/toast';
import { Note } from '~/ui/Note';
import { ScopeChoice, scopesOf, type ScopeKind } from './ScopeChoice';

const lifetimes = [7, 30, 90, 365];

/** API tokens: make one, see it once, delete it. */
export function Tokens() {
  const queryClient = useQueryClient();
  const { data, error, isPending, refetch } = useQuery(tokensQuery);
  const [plain, setPlain] = useState<string>();
  const changed = () => queryClient.invalidateQueries({ queryKey: tokensQuery.queryKey });
  const remove = useMutation({
    mutationFn: (id: string) => api.delete('/v1/tokens/{id}', { path: { id } }),
    onSuccess: changed,
    onError: (reason) => toastError(reason),
  });
  return (
    <Section title={t.account.tokens} description={t.account.tokensText} flush>
      <div style={{ padding: '12px 16px' }}>
        {plain ? (
          <NewToken value={plain} onDone={() => setPlain(undefined)} />
        ) : (
          <CreateForm
            onCreated={(value) => {
              setPlain(value);
              void changed();
            }}
          />
        )}
      </div>
      {isPending && <Skeletons rows={2} />}
      {error && !data && <ErrorState error={error} retry={() => void refetch()} />}
      {data?.length === 0 && (
        <EmptyState icon={<IconKey size={28} />} title={t.account.noTokens} text={t.account.noTokensText} />
      )}
      {data?.map((token) => (
        <TokenRow
          key={token.id}
          token={token}
          onDelete={() =>
            confirm({
              title: t.account.deleteTokenTitle(token.name),
              text: t.account.deleteTokenText,
              verb: t.account.deleteToken,
              danger: true,
              onConfirm: () => remove.mutate(token.id),
            })
          }
        />
      ))}
    </Section>
  );
}

// The value lives in this component's memory only, until it is dismissed.
function NewToken({ value, onDone }: { value: string; onDone: () => void }) {
  return (
    <Note tone="ok" title={t.account.newToken}>
      <Group gap="xs" wrap="nowrap">
        <Code style={{ overflowWrap: 'anywhere' }}>{value}</Code>
        <CopyButton value={value} />
        <Button size="compact-sm" variant="default" onClick={onDone}>
          {t.account.done}
        </Button>
      </Group>
    </Note>
  );
}

function CreateForm({ onCreated }: { onCreated: (value: string) => void }) {
  const [name, setName] = useState('');
  const [days, setDays] = useState('90');
  const [kind, setKind] = useState<ScopeKind>('all');
  const [chosen, setChosen] = useState('');
  const create = useMutation({
    mutationFn: () =>
      api.post('/v1/tokens', {}, { name, expiresInDays: Number(days), scopes: scopesOf(kind, chosen) }),
    onSuccess: ({ value }) => {
      setName('');
      onCreated(value);
    },
  });
  const fields = isApiError(create.error) ? create.error.fieldErrors() : {};
  const submit = (event: FormEvent) => {
    event.preventDefault();
    create.mutate();
  };
  return (
    <form onSubmit={submit}>
      <Group align="flex-end" gap="xs">
        <TextInput
          label={t.account.tokenName}
          placeholder={t.account.tokenNamePlaceholder}
          required
          withAsterisk={false}
          size="sm"
          style={{ flex: '1 1 200px' }}
          value={name}
          error={fields.name}
          onChange={(event) => setName(event.currentTarget.value)}
        />
        <Select
          label={t.account.tokenLife}
          size="sm"
          w={130}
          allowDeselect={false}
          value={days}
          onChange={(value) => setDays(value ?? '90')}
          data={lifetimes.map((n) => ({ value: String(n), label: t.account.days(n) }))}
        />
        <Button
          type="submit"
          size="sm"
          loading={create.isPending}
          leftSection={<IconPlus size={15} aria-hidden />}
        >
          {t.account.createToken}
        </Button>
      </Group>
      <ScopeChoice kind={kind} onKind={setKind} text={chosen} onText={setChosen} error={fields.scopes} />
      {create.error && Object.keys(fields).length === 0 && (
        <Text size="sm" c="var(--sph-bad)" mt="xs" role="alert">
          {create.error.message}
        </Text>
      )}
    </form>
  );
}

function TokenRow({ token, onDelete }: { token: Token; onDelete: () => void }) {
  return (
    <div className="sph-row sph-line">
      <Text size="sm" fw={550} className="sph-line-text">
        {token.name} <span className="mono sph-muted">{token.hint}…</span>{' '}
        {token.scopes?.map((scope) => (
          <Pill key={scope} tone="mute">
            {scope}
          </Pill>
        ))}
      </Text>
      <Text size="xs" className="sph-muted">
        {t.account.lastUsed} <When at={token.usedAt} /> · {t.account.expires} <When at={token.expiresAt} />
      </Text>
      <Button size="compact-sm" variant="default" onClick={onDelete}>
        {t.account.deleteToken}
      </Button>
    </div>
  );
}
