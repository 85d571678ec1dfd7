import { Button, Group, NativeSelect, Stack, Text, TextInput } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { call } from '~/api/client';
import { blueprintsQuery } from '~/api/queries';
import { ti } from '~/strings/inout';
import { Pill, When } from '~/ui/bits';
import { confirm } from '~/ui/confirm';
import { Dialog } from '~/ui/Dialog';
import { IconPlug } from '~/ui/icons';
import { Section } from '~/ui/Section';
import { toastDone, toastError } from '~/ui/toast';
import { deliveriesQuery } from './api';
import { Line, Listed, Refusal } from './parts';
import { Once } from './WebhooksTab';

const w = ti.changes;
type Told = { identifier: string; title: string; url: string };

const addressOf = (blueprint: object): string | undefined => {
  const to = (blueprint as { changelogDestination?: { type?: string; url?: string } }).changelogDestination;
  return to?.type === 'WEBHOOK' ? to.url : undefined;
};

/** Who is told of changes of entities, and whether that works. */
export function ChangesTab() {
  const queryClient = useQueryClient();
  const query = useQuery(blueprintsQuery);
  const [blueprint, setBlueprint] = useState('');
  const [url, setUrl] = useState('');
  const change = useMutation({
    mutationFn: (to: { id: string; url: string | undefined }) =>
      call(
        'PATCH',
        '/v1/blueprints/{bp}',
        { path: { bp: to.id } },
        {
          changelogDestination: to.url ? { type: 'WEBHOOK', url: to.url } : null,
        },
      ),
    onSuccess: () => {
      toastDone(ti.json.saved);
      setUrl('');
      void queryClient.invalidateQueries({ queryKey: blueprintsQuery.queryKey });
    },
  });
  const key = useMutation({
    mutationFn: () => call<Record<string, unknown>>('POST', '/v1/organization/signing-key'),
    onError: (error) => toastError(error),
  });
  const all = query.data ?? [];
  const told = all.flatMap((one): Told[] => {
    const to = addressOf(one);
    return to ? [{ identifier: one.identifier, title: one.title || one.identifier, url: to }] : [];
  });
  const secret = Object.values(key.data ?? {}).find((value) => typeof value === 'string');
  return (
    <Stack gap="md">
      <Section
        title={ti.tabs.changes!}
        action={
          <Button
            size="compact-sm"
            variant="default"
            onClick={() =>
              confirm({
                title: w.keyTitle,
                text: w.keyText,
                verb: w.key,
                danger: true,
                onConfirm: () => key.mutate(),
              })
            }
          >
            {w.key}
          </Button>
        }
        flush
      >
        <Listed
          query={{ ...query, data: query.data && told, refetch: query.refetch }}
          icon={<IconPlug size={32} />}
          none={w.none}
          noneText={w.noneText}
        >
          {(list) =>
            list.map((one) => (
              <div key={one.identifier}>
                <Line
                  name={one.title}
                  text={one.url}
                  side={
                    <Button
                      size="compact-sm"
                      variant="default"
                      onClick={() =>
                        confirm({
                          title: w.stopTitle(one.title),
                          text: w.stopText,
                          verb: w.stop,
                          danger: true,
                          onConfirm: () => change.mutate({ id: one.identifier, url: undefined }),
                        })
                      }
                    >
                      {w.stop}
                    </Button>
                  }
                />
                <Deliveries blueprint={one.identifier} />
              </div>
            ))
          }
        </Listed>
      </Section>
      <Section title={w.add}>
        <form
          onSubmit={(event) => {
            event.preventDefault();
            change.mutate({ id: blueprint, url });
          }}
        >
          <Stack gap="sm">
            <Refusal error={change.error} />
            <Group gap="sm" align="flex-end">
              <NativeSelect
                label={w.blueprint}
                required
                value={blueprint}
                onChange={(event) => setBlueprint(event.currentTarget.value)}
                data={['', ...all.map((one) => one.identifier)]}
              />
              <TextInput
                label={w.url}
                type="url"
                required
                style={{ flex: '1 1 260px' }}
                value={url}
                onChange={(event) => setUrl(event.currentTarget.value)}
              />
              <Button type="submit" loading={change.isPending}>
                {w.add}
              </Button>
            </Group>
          </Stack>
        </form>
      </Section>
      {typeof secret === 'string' && (
        <Dialog opened onClose={() => key.reset()} title={w.keyOnce} size="lg" closeOnClickOutside={false}>
          <Once label={w.keyOnce} value={secret} />
        </Dialog>
      )}
    </Stack>
  );
}

function Deliveries({ blueprint }: { blueprint: string }) {
  const { data } = useQuery(deliveriesQuery(blueprint));
  if (!data) return null;
  return (
    <details style={{ padding: '0 16px 10px' }}>
      <summary style={{ cursor: 'pointer' }}>
        {w.log}: {data.length}
      </summary>
      {data.length === 0 && (
        <Text size="sm" className="sph-muted">
          {w.logNone}
        </Text>
      )}
      <ul style={{ margin: 0, paddingLeft: 18 }}>
        {data.slice(0, 50).map((one) => (
          <li key={`${one.change}/${one.attempt}`} style={{ overflowWrap: 'anywhere' }}>
            <When at={one.at} /> {one.about}{' '}
            <Pill tone={/^2\d\d/.test(one.status) ? 'ok' : 'bad'}>{one.status}</Pill> {w.took(one.millis)}
          </li>
        ))}
      </ul>
    </details>
  );
}
