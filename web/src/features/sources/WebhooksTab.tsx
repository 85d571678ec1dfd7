import { Button, Code, Group, Stack, Text, TextInput } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { keepPreviousData, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { call } from '~/api/client';
import { entityQuery } from '~/api/queries';
import { t } from '~/strings';
import { ti } from '~/strings/inout';
import { CopyButton, Pill, When, type Tone } from '~/ui/bits';
import { confirm } from '~/ui/confirm';
import { Dialog } from '~/ui/Dialog';
import { IconPlug } from '~/ui/icons';
import { Note } from '~/ui/Note';
import { Section } from '~/ui/Section';
import { ErrorState } from '~/ui/States';
import { toastDone, toastError } from '~/ui/toast';
import {
  eventsQuery,
  webhooksQuery,
  type HookChange,
  type HookEvent,
  type Warning,
  type Webhook,
} from './api';
import type { TabProps } from './InOutPage';
import { Back, Block, JsonField, Line, Listed, parse, pretty, Refusal } from './parts';

const w = ti.webhooks;
const tones: Record<string, Tone> = { waiting: 'info', done: 'ok', failed: 'bad' };

/** Addresses that others post to. */
export function WebhooksTab({ id, onOpen }: TabProps) {
  const query = useQuery(webhooksQuery);
  const [adding, setAdding] = useState(false);
  const open = query.data?.find((one) => one.identifier === id);
  if (open) return <OneWebhook hook={open} onBack={() => onOpen(undefined)} />;
  return (
    <>
      <Section
        title={ti.tabs.webhooks!}
        action={<Button onClick={() => setAdding(true)}>{w.add}</Button>}
        flush
      >
        <Listed query={query} icon={<IconPlug size={32} />} none={w.none} noneText={w.noneText}>
          {(list) =>
            list.map((one) => (
              <Line
                key={one.identifier}
                name={
                  <Group gap={6}>
                    {one.title || one.identifier}
                    {one.enabled === false && <Pill tone="mute">{w.off}</Pill>}
                  </Group>
                }
                text={one.security.secret ? w.signed : w.unsigned}
                side={
                  <Button size="compact-sm" variant="default" onClick={() => onOpen(one.identifier)}>
                    {ti.json.open}
                  </Button>
                }
              />
            ))
          }
        </Listed>
      </Section>
      {adding && <NewWebhook onClose={() => setAdding(false)} onMade={onOpen} />}
    </>
  );
}

/** A secret that nobody chose. */
function madeSecret(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(24));
  return btoa(String.fromCharCode(...bytes)).replace(/[+/]/g, 'x');
}

function NewWebhook({ onClose, onMade }: { onClose: () => void; onMade: (id: string) => void }) {
  const queryClient = useQueryClient();
  const [identifier, setIdentifier] = useState('');
  const [title, setTitle] = useState('');
  const [header, setHeader] = useState('X-Hub-Signature-256');
  const [secret] = useState(madeSecret);
  const create = useMutation({
    mutationFn: () =>
      call<{ integration: Webhook }>(
        'POST',
        '/v1/webhooks',
        {},
        {
          identifier,
          title: title || identifier,
          enabled: true,
          mappings: [],
          security: {
            secret,
            signatureHeaderName: header,
            signatureAlgorithm: 'sha256',
            signaturePrefix: 'sha256=',
          },
        },
      ),
    onSuccess: () => void queryClient.invalidateQueries({ queryKey: webhooksQuery.queryKey }),
  });
  const made = create.data?.integration;
  if (made) {
    return (
      <Dialog
        opened
        onClose={() => onMade(made.identifier)}
        title={w.created}
        size="lg"
        closeOnClickOutside={false}
      >
        <Stack gap="md">
          <Note tone="warn" role="status">
            {w.once}
          </Note>
          <Once label={w.address} value={made.url} />
          <Once label={w.secret} value={secret} />
          <Group justify="flex-end">
            <Button onClick={() => onMade(made.identifier)}>{ti.json.open}</Button>
          </Group>
        </Stack>
      </Dialog>
    );
  }
  return (
    <Dialog opened onClose={onClose} title={w.add}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          create.mutate();
        }}
      >
        <Stack gap="md">
          <Refusal error={create.error} />
          <TextInput
            label={w.identifier}
            required
            maxLength={30}
            value={identifier}
            onChange={(event) => setIdentifier(event.currentTarget.value)}
            data-autofocus
          />
          <TextInput
            label={w.title}
            maxLength={30}
            value={title}
            onChange={(event) => setTitle(event.currentTarget.value)}
          />
          <TextInput
            label={w.header}
            required
            value={header}
            onChange={(event) => setHeader(event.currentTarget.value)}
          />
        </Stack>
        <Group justify="flex-end" gap="xs" mt="lg">
          <Button variant="default" onClick={onClose}>
            {t.common.cancel}
          </Button>
          <Button type="submit" loading={create.isPending}>
            {w.create}
          </Button>
        </Group>
      </form>
    </Dialog>
  );
}

export function Once({ label, value }: { label: string; value: string }) {
  return (
    <div>
      <Text size="sm" fw={600}>
        {label}
      </Text>
      <Group gap="xs" wrap="nowrap">
        <Code style={{ overflowX: 'auto', flex: 1 }} tabIndex={0}>
          {value}
        </Code>
        <CopyButton value={value} label={label} size="md" />
      </Group>
    </div>
  );
}

function OneWebhook({ hook, onBack }: { hook: Webhook; onBack: () => void }) {
  const queryClient = useQueryClient();
  const refresh = () => queryClient.invalidateQueries({ queryKey: webhooksQuery.queryKey });
  const [mappings, setMappings] = useState(() => pretty(hook.mappings ?? []));
  const [body, setBody] = useState('{\n  "id": "example"\n}');
  const save = useMutation({
    mutationFn: () =>
      call<{ warnings?: Warning[] }>(
        'PATCH',
        '/v1/webhooks/{id}',
        { path: { id: hook.identifier } },
        {
          mappings: parse(mappings),
        },
      ),
    onSuccess: () => {
      toastDone(ti.json.saved);
      void refresh();
    },
  });
  const remove = useMutation({
    mutationFn: () => call('DELETE', '/v1/webhooks/{id}', { path: { id: hook.identifier } }),
    onSuccess: () => {
      void refresh();
      onBack();
    },
    onError: (error) => toastError(error),
  });
  return (
    <Stack gap="md">
      <Back onBack={onBack}>
        <Button
          size="compact-sm"
          variant="default"
          onClick={() =>
            confirm({
              title: w.removeTitle(hook.title || hook.identifier),
              text: w.removeText,
              verb: ti.json.remove,
              danger: true,
              onConfirm: () => remove.mutate(),
            })
          }
        >
          {ti.json.remove}
        </Button>
      </Back>
      <Section
        title={hook.title || hook.identifier}
        description={hook.security.secret ? w.signed : w.unsigned}
      >
        <Once label={w.address} value={hook.url} />
      </Section>
      <Section
        title={w.mappings}
        action={
          <Button
            size="compact-sm"
            loading={save.isPending}
            disabled={parse(mappings) === undefined}
            onClick={() => save.mutate()}
          >
            {ti.json.save}
          </Button>
        }
      >
        <Stack gap="md">
          <Refusal error={save.error} />
          {(save.data?.warnings?.length ?? 0) > 0 && (
            <Note tone="warn" title={w.warnings}>
              <ul style={{ margin: 0, paddingLeft: 18 }}>
                {save.data?.warnings?.map((one) => (
                  <li key={one.field}>
                    <span className="mono">{one.field}</span> {one.problem}
                  </li>
                ))}
              </ul>
            </Note>
          )}
          <JsonField
            label={w.mappings}
            description={w.mappingsHint}
            value={mappings}
            onChange={setMappings}
          />
          <JsonField label={w.payload} value={body} minRows={4} onChange={setBody} />
          <Tried id={hook.identifier} mappings={mappings} body={body} />
        </Stack>
      </Section>
      <Log id={hook.identifier} />
    </Stack>
  );
}

/** What the mappings, as they stand, would make of the body. */
function Tried({ id, mappings, body }: { id: string; mappings: string; body: string }) {
  const [settled] = useDebouncedValue({ mappings: parse(mappings), body: parse(body) }, 400);
  const ready = settled.mappings !== undefined && settled.body !== undefined;
  const tried = useQuery({
    queryKey: ['inout', 'webhooks', id, 'try', settled],
    queryFn: () =>
      call<{ changes: HookChange[] | null; result: NonNullable<HookEvent['result']> }>(
        'POST',
        '/v1/webhooks/{id}/try',
        { path: { id } },
        settled,
      ),
    enabled: ready,
    placeholderData: keepPreviousData,
    retry: false,
  });
  return (
    <div role="status" aria-live="polite">
      <Text size="sm" fw={600}>
        {w.try}{' '}
        <Text span size="xs" className="sph-muted">
          {w.tryHint}
        </Text>
      </Text>
      <Refusal error={tried.error} />
      {tried.data && !tried.error && (
        <Stack gap="sm">
          {tried.data.result.problems.map((one, i) => (
            <Note key={i} tone="warn">
              {[one.identifier, one.field, one.problem].filter(Boolean).join(' · ')}
            </Note>
          ))}
          {(tried.data.changes ?? []).length === 0 && <Text size="sm">{w.nothing}</Text>}
          {(tried.data.changes ?? []).slice(0, 20).map((change, i) => (
            <Would key={i} change={change} />
          ))}
        </Stack>
      )}
    </div>
  );
}

/** One entity that would be written, beside what it is now. */
function Would({ change }: { change: HookChange }) {
  const id = typeof change.entity.identifier === 'string' ? change.entity.identifier : '';
  const now = useQuery({ ...entityQuery(change.blueprint, id), enabled: id !== '', retry: false });
  return (
    <div>
      <Text size="sm" fw={550}>
        {change.operation} {change.blueprint} {id}{' '}
        <Pill tone={now.data ? 'info' : 'mute'}>{now.data ? w.now : w.new}</Pill>
      </Text>
      <Block value={change.entity} />
      {now.data && (
        <details>
          <summary style={{ cursor: 'pointer' }}>{w.now}</summary>
          <Block value={now.data} />
        </details>
      )}
    </div>
  );
}

function Log({ id }: { id: string }) {
  const queryClient = useQueryClient();
  const { data, error, refetch } = useQuery(eventsQuery(id));
  const retry = useMutation({
    mutationFn: (event: number) =>
      call('POST', '/v1/webhooks/{id}/events/{event}/retry', { path: { id, event } }),
    onSuccess: () => {
      toastDone(w.retried);
      void queryClient.invalidateQueries({ queryKey: eventsQuery(id).queryKey });
    },
    onError: (failure) => toastError(failure),
  });
  return (
    <Section title={w.log} flush>
      {error && !data && <ErrorState error={error} retry={() => void refetch()} />}
      {data?.refused && (
        <div style={{ padding: '10px 16px' }}>
          <Note tone="bad">{w.refused(data.refused.count, data.refused.reason)}</Note>
        </div>
      )}
      {data?.events.length === 0 && (
        <Text size="sm" className="sph-muted" px="md" py="sm">
          {w.logNone}
        </Text>
      )}
      {data?.events.map((event) => (
        <Line
          key={event.id}
          name={
            <Group gap={6}>
              <When at={event.receivedAt} />
              <Pill tone={tones[event.status] ?? 'mute'}>{w.states[event.status] ?? event.status}</Pill>
            </Group>
          }
          text={
            <>
              {event.result && w.counts(event.result.created, event.result.updated, event.result.deleted)}
              {event.attempts > 1 && ` · ${w.attempts(event.attempts)}`}
              {(event.result?.held ?? 0) > 0 && ` · ${w.held(event.result?.held ?? 0)}`}
              {event.result?.problems.map((one, i) => (
                <div key={i}>{[one.identifier, one.field, one.problem].filter(Boolean).join(' · ')}</div>
              ))}
            </>
          }
          side={
            event.status === 'failed' && (
              <Button size="compact-sm" variant="default" onClick={() => retry.mutate(event.id)}>
                {w.retry}
              </Button>
            )
          }
        />
      ))}
    </Section>
  );
}
