import { Button, Group, Stack, Table, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { lazy, Suspense } from 'react';
import { deploymentsQuery, instancesQuery } from '~/api/services';
import type { Deployment, Instance } from '~/api/types';
import { shortSha } from '~/lib/format';
import { t } from '~/strings';
import { Pill, When, type Tone } from '~/ui/bits';
import { IconArrowBackUp, IconRocket, IconServer2 } from '~/ui/icons';
import { Section } from '~/ui/Section';
import { EmptyState, ErrorState, Skeletons } from '~/ui/States';
import { InstanceState } from './InstanceState';
import { ButtonLink } from '~/ui/links';

// The log viewer is loaded when somebody looks at a log.
const InstanceLog = lazy(() => import('./InstanceLog').then((module) => ({ default: module.InstanceLog })));

type Props = { service: string; environment?: string; onEnvironment: (env: string | undefined) => void };

/** Where a service runs, its log, and the history of its versions. */
export function Deployments({ service, environment, onEnvironment }: Props) {
  const { data, error, isPending, refetch } = useQuery(instancesQuery(service));
  const shown = data?.find((instance) => instance.environment === environment);
  return (
    <Stack gap="md">
      <Section
        title={t.entity.runningVersions}
        flush
        action={
          <Group gap="xs">
            <ButtonLink
              size="compact-sm"
              leftSection={<IconRocket size={14} aria-hidden />}
              to="/create/$action"
              params={{ action: 'deploy_service' }}
              search={{ entity: service }}
              variant="light"
            >
              {t.entity.deploy}
            </ButtonLink>
            <ButtonLink
              size="compact-sm"
              variant="default"
              leftSection={<IconArrowBackUp size={14} aria-hidden />}
              to="/create/$action"
              params={{ action: 'revert_service' }}
              search={{ entity: service }}
            >
              {t.entity.revert}
            </ButtonLink>
          </Group>
        }
      >
        {isPending && <Skeletons rows={3} />}
        {error && !data && <ErrorState error={error} retry={() => void refetch()} />}
        {data?.length === 0 && (
          <EmptyState
            icon={<IconServer2 size={28} />}
            title={t.entity.notRunning}
            text={t.entity.notRunningText}
            command={`sphera deploy ${service}`}
          />
        )}
        {data?.map((instance) => (
          <InstanceRow
            key={instance.environment}
            instance={instance}
            open={instance.environment === environment}
            onToggle={() =>
              onEnvironment(instance.environment === environment ? undefined : instance.environment)
            }
          />
        ))}
      </Section>
      {shown && (
        <Suspense fallback={<Skeletons rows={8} />}>
          <InstanceLog key={shown.environment} service={service} environment={shown.environment} />
        </Suspense>
      )}
      <History service={service} />
    </Stack>
  );
}

function InstanceRow({
  instance,
  open,
  onToggle,
}: {
  instance: Instance;
  open: boolean;
  onToggle: () => void;
}) {
  return (
    <div className="sph-row sph-line">
      <div className="sph-line-text">
        <Group gap="xs">
          <Text size="sm" fw={550}>
            {instance.environment}
          </Text>
          <InstanceState state={instance.state} />
          <span className="mono">{shortSha(instance.version)}</span>
        </Group>
        <Text size="xs" className="sph-muted" component="div">
          {instance.state === 'ready' && (
            <a href={instance.address} target="_blank" rel="noreferrer">
              {instance.address}
            </a>
          )}{' '}
          {instance.startedAt && (
            <>
              {t.entity.since} <When at={instance.startedAt} />
            </>
          )}
          {instance.restarts > 0 && ` · ${t.entity.restarts}: ${instance.restarts}`}
        </Text>
        {instance.lastError && (
          <Text size="xs" c="var(--sph-bad)">
            {instance.lastError}
          </Text>
        )}
      </div>
      <Button size="compact-sm" variant="default" onClick={onToggle} aria-expanded={open}>
        {open ? t.entity.hideLog : t.entity.showLog}
      </Button>
    </div>
  );
}

const tones: Record<string, Tone> = { active: 'ok', failed: 'bad' };

function History({ service }: { service: string }) {
  const { data, error, isPending, refetch } = useQuery(deploymentsQuery(service));
  return (
    <Section title={t.entity.history} flush>
      {isPending && <Skeletons rows={3} />}
      {error && !data && <ErrorState error={error} retry={() => void refetch()} />}
      {data?.length === 0 && (
        <Text size="sm" className="sph-muted" p="md">
          {t.entity.noDeployments}
        </Text>
      )}
      {data && data.length > 0 && (
        <Table.ScrollContainer minWidth={560}>
          <Table verticalSpacing={9} horizontalSpacing="md">
            <Table.Thead>
              <Table.Tr>
                <Table.Th>{t.entity.version}</Table.Th>
                <Table.Th>{t.entity.environment}</Table.Th>
                <Table.Th>{t.entity.state}</Table.Th>
                <Table.Th>{t.entity.by}</Table.Th>
                <Table.Th>{t.entity.when}</Table.Th>
                <Table.Th>{t.entity.run}</Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {data.map((deployment) => (
                <HistoryRow key={deployment.id} deployment={deployment} />
              ))}
            </Table.Tbody>
          </Table>
        </Table.ScrollContainer>
      )}
    </Section>
  );
}

function HistoryRow({ deployment }: { deployment: Deployment }) {
  return (
    <Table.Tr>
      <Table.Td className="mono">{shortSha(deployment.version)}</Table.Td>
      <Table.Td>{deployment.environment}</Table.Td>
      <Table.Td>
        <Pill tone={tones[deployment.state] ?? 'mute'}>
          {t.entity.deploymentState[deployment.state] ?? deployment.state}
        </Pill>
      </Table.Td>
      <Table.Td>{deployment.by}</Table.Td>
      <Table.Td>
        <When at={deployment.at} />
      </Table.Td>
      <Table.Td>
        {deployment.runId && (
          <Link to="/runs/$id" params={{ id: deployment.runId }}>
            {t.entity.open}
          </Link>
        )}
      </Table.Td>
    </Table.Tr>
  );
}
