import { Group, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { instancesQuery } from '~/api/services';
import type { Entity, Instance } from '~/api/types';
import { InstanceState } from '~/features/entity/InstanceState';
import { canRun } from '~/features/entity/tabs';
import { plural } from '~/lib/format';
import { t } from '~/strings';
import { Pill } from '~/ui/bits';

const worstFirst: Instance['state'][] = ['crashed', 'unready', 'starting', 'ready', 'stopped'];

/** The state that says most about a service that runs in many places. */
export function worstState(instances: Instance[]): Instance['state'] | undefined {
  return worstFirst.find((state) => instances.some((instance) => instance.state === state));
}

/** One of my services: how it is and where it runs. */
export function ServiceCard({ service }: { service: Entity }) {
  const runs = canRun(service);
  const instances = useQuery({ ...instancesQuery(service.identifier), enabled: runs }).data;
  const state = instances && worstState(instances);
  const environments = instances?.map((instance) => instance.environment) ?? [];
  return (
    <Link
      to="/e/$blueprint/$id"
      params={{ blueprint: service.blueprint, id: service.identifier }}
      className="sph-card sph-card-link"
    >
      <Group justify="space-between" wrap="nowrap" gap="xs" mih={22}>
        <Text fw={600} size="sm" truncate>
          {service.title || service.identifier}
        </Text>
        {state && <InstanceState state={state} />}
        {instances && !state && <Pill tone="mute">{t.entity.notRunning}</Pill>}
        {!runs && <Pill tone="mute">{String(service.properties.type ?? service.blueprint)}</Pill>}
      </Group>
      <Text size="xs" className="sph-muted" mt={8} lineClamp={1}>
        {service.team.join(', ')}
        {environments.length > 0 &&
          ` · ${environments.length > 1 ? plural(environments.length, 'environment') : environments[0]}`}
      </Text>
    </Link>
  );
}
