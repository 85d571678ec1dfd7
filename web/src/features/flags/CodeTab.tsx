import { Group, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { deploymentsQuery } from '~/api/services';
import { shortSha } from '~/lib/format';
import { tf } from '~/strings/flags';
import { When } from '~/ui/bits';
import { IconCode } from '~/ui/icons';
import { Section } from '~/ui/Section';
import { EmptyState, ErrorState, Skeletons } from '~/ui/States';
import css from './flags.module.css';
import { referencesQuery } from './queries';
import type { Flag } from './types';

const e = tf.code;
const shownDeployments = 8;

/** Where the code names a flag, and what was deployed of its service. */
export function CodeTab({ flag, environment }: { flag: Flag; environment: string }) {
  const query = useQuery(referencesQuery(flag.project, flag.key));
  return (
    <div className={css.stack}>
      <Section title={e.title} description={e.text} flush>
        {query.isPending && <Skeletons rows={4} />}
        {query.error && !query.data && <ErrorState error={query.error} retry={() => void query.refetch()} />}
        {query.data?.length === 0 && (
          <EmptyState icon={<IconCode size={28} />} title={e.none} text={e.noneText} />
        )}
        {query.data?.map((reference) => (
          <div key={`${reference.repository}/${reference.path}:${reference.line}`} className={css.reference}>
            <Link to="/forge/$repo" params={{ repo: reference.repository }} search={{ path: reference.path }}>
              {reference.repository}/{reference.path}:{reference.line}
            </Link>
            <code className={css.codeLine}>{reference.text}</code>
          </div>
        ))}
      </Section>
      <Deployments service={flag.service} environment={environment} />
    </div>
  );
}

function Deployments({ service, environment }: { service: string; environment: string }) {
  const query = useQuery(deploymentsQuery(service));
  const shown = (query.data ?? [])
    .filter((each) => each.environment === environment)
    .slice(0, shownDeployments);
  return (
    <Section title={tf.page.related} flush>
      {query.isPending && <Skeletons rows={3} />}
      {!query.isPending && shown.length === 0 && (
        <Text size="sm" className="sph-muted" px="md" py="sm">
          {tf.page.noDeployments}
        </Text>
      )}
      {shown.map((each) => (
        <Group key={each.id} justify="space-between" gap="xs" px="md" py={8}>
          <Text size="sm">
            <span className="mono">{shortSha(each.version)}</span> · {each.state}
          </Text>
          <Text size="sm" className="sph-muted" component="div">
            <When at={each.at} />
          </Text>
        </Group>
      ))}
    </Section>
  );
}
