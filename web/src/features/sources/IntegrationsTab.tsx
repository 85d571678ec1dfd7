import { Button, Stack, Text } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { call } from '~/api/client';
import { ti } from '~/strings/inout';
import { Pill, When } from '~/ui/bits';
import { IconPlug } from '~/ui/icons';
import { Section } from '~/ui/Section';
import { ErrorState, Skeletons } from '~/ui/States';
import { toastDone, toastError } from '~/ui/toast';
import { integrationLogQuery, integrationsQuery, syncsQuery, type Integration } from './api';
import type { TabProps } from './InOutPage';
import { Back, Block, JsonField, Line, Listed, parse, pretty, Refusal } from './parts';
import { heldQuery } from './queries';

const w = ti.integrations;

/** Programs that read other systems and fill the catalog. */
export function IntegrationsTab({ id, onOpen }: TabProps) {
  const query = useQuery(integrationsQuery);
  const held = useQuery(heldQuery).data ?? [];
  const open = query.data?.find((one) => one.identifier === id);
  if (open) return <OneIntegration integration={open} onBack={() => onOpen(undefined)} />;
  return (
    <Section title={ti.tabs.integrations!} flush>
      <Listed query={query} icon={<IconPlug size={32} />} none={w.none} noneText={w.noneText}>
        {(list) =>
          list.map((one) => {
            const waiting = held.filter((sweep) => sweep.source.includes(one.identifier)).length;
            return (
              <Line
                key={one.identifier}
                name={one.title || one.identifier}
                text={
                  <>
                    {[one.installationAppType, one.version].filter(Boolean).join(' ')} · {w.seen}{' '}
                    <When at={one.lastSeenAt ?? undefined} />
                  </>
                }
                side={
                  <>
                    {waiting > 0 && <Pill tone="warn">{w.held(waiting)}</Pill>}
                    <Button size="compact-sm" variant="default" onClick={() => onOpen(one.identifier)}>
                      {ti.json.open}
                    </Button>
                  </>
                }
              />
            );
          })
        }
      </Listed>
    </Section>
  );
}

function OneIntegration({ integration, onBack }: { integration: Integration; onBack: () => void }) {
  const id = integration.identifier;
  const queryClient = useQueryClient();
  const [config, setConfig] = useState(() => pretty(integration.config ?? {}));
  const save = useMutation({
    mutationFn: () =>
      call('PATCH', '/v1/integration/{id}/config', { path: { id } }, { config: parse(config) }),
    onSuccess: () => {
      toastDone(ti.json.saved);
      void queryClient.invalidateQueries({ queryKey: integrationsQuery.queryKey });
    },
  });
  const resync = useMutation({
    mutationFn: () => call('POST', '/v1/integration/{id}/resync-request', { path: { id } }),
    onSuccess: () => toastDone(w.resynced),
    onError: (error) => toastError(error),
  });
  return (
    <Stack gap="md">
      <Back onBack={onBack}>
        <Button
          size="compact-sm"
          variant="default"
          loading={resync.isPending}
          onClick={() => resync.mutate()}
        >
          {w.resync}
        </Button>
      </Back>
      <Section
        title={integration.title || id}
        description={
          <>
            {w.seen} <When at={integration.lastSeenAt ?? undefined} />
          </>
        }
        action={
          <Button
            size="compact-sm"
            loading={save.isPending}
            disabled={parse(config) === undefined}
            onClick={() => save.mutate()}
          >
            {ti.json.save}
          </Button>
        }
      >
        <Refusal error={save.error} />
        <JsonField
          label={w.config}
          description={w.configHint}
          value={config}
          minRows={12}
          onChange={setConfig}
        />
      </Section>
      <Reported title={w.syncs} query={useQuery(syncsQuery(id))} />
      <Reported title={w.log} query={useQuery(integrationLogQuery(id))} />
    </Stack>
  );
}

function Reported({
  title,
  query,
}: {
  title: string;
  query: { data?: unknown[]; error: unknown; isPending: boolean; refetch: () => unknown };
}) {
  return (
    <Section title={title}>
      {query.isPending && <Skeletons rows={2} />}
      {query.error && !query.data ? (
        <ErrorState error={query.error} retry={() => void query.refetch()} />
      ) : null}
      {query.data?.length === 0 && (
        <Text size="sm" className="sph-muted">
          {w.logNone}
        </Text>
      )}
      {query.data && query.data.length > 0 && <Block value={query.data} />}
    </Section>
  );
}
