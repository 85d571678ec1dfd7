import { Group, Text } from '@mantine/core';
import { useQueries, useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { queryOptions } from '@tanstack/react-query';
import { api } from '~/api/client';
import { plural } from '~/lib/format';
import { tf } from '~/strings/flags';
import { Pill } from '~/ui/bits';
import { IconFlag, IconPlus } from '~/ui/icons';
import { ButtonLink } from '~/ui/links';
import { Section } from '~/ui/Section';
import { EmptyState, ErrorState, Skeletons } from '~/ui/States';
import { EnvToggle } from './EnvToggle';
import css from './flags.module.css';
import { projectFlagsQuery } from './queries';
import { shortState } from './shares';
import type { Flag } from './types';

const ofService = (service: string) =>
  queryOptions({
    queryKey: ['flag', 'projects', service],
    queryFn: async ({ signal }) =>
      (await api.get('/v1/flag-projects', { query: { service }, signal })).projects,
  });

/** The flags of one service, on its page. */
export function ServiceFlags({ service }: { service: string }) {
  const projects = useQuery(ofService(service));
  const lists = useQueries({ queries: (projects.data ?? []).map((each) => projectFlagsQuery(each.key)) });
  const flags = lists.flatMap((list) => list.data ?? []);
  const error = projects.error ?? lists.find((list) => list.error)?.error;
  const pending = projects.isPending || lists.some((list) => list.isPending);
  const add = (
    <ButtonLink
      size="compact-sm"
      variant="light"
      leftSection={<IconPlus size={14} aria-hidden />}
      to="/flags/new"
      search={{ project: projects.data?.[0]?.key ?? service }}
    >
      {tf.list.newFlag}
    </ButtonLink>
  );
  return (
    <Section
      title={tf.list.title}
      description={pending ? undefined : plural(flags.length, 'flag')}
      action={flags.length > 0 ? add : undefined}
      flush
    >
      {pending && <Skeletons rows={3} />}
      {error && <ErrorState error={error} retry={() => void projects.refetch()} />}
      {!pending && !error && flags.length === 0 && (
        <EmptyState
          icon={<IconFlag size={28} />}
          title={tf.list.noneInService}
          text={tf.list.noneText}
          action={add}
        />
      )}
      {flags.map((flag) => (
        <Row key={`${flag.project}/${flag.key}`} flag={flag} />
      ))}
    </Section>
  );
}

function Row({ flag }: { flag: Flag }) {
  return (
    <div className={css.serviceFlag}>
      <div className={css.grow}>
        <Group gap={8}>
          <Link to="/flags/$project/$key" params={{ project: flag.project, key: flag.key }}>
            {flag.key}
          </Link>
          {flag.kind === 'kill-switch' && <Pill tone="bad">{tf.list.killSwitch}</Pill>}
          {flag.stale && <Pill tone="warn">{tf.list.stalePill}</Pill>}
        </Group>
        <Text size="xs" className="sph-muted" lineClamp={1}>
          {flag.title || flag.description}
        </Text>
      </div>
      {flag.environments.map((environment) => (
        <div key={environment.environment} className={css.serviceEnv}>
          <EnvToggle flag={flag} environment={environment} size="xs" />
          <div>
            <Text size="xs" className="sph-muted">
              {environment.environment}
            </Text>
            <Text size="xs" className="num">
              {shortState(environment)}
            </Text>
          </div>
        </div>
      ))}
    </div>
  );
}
