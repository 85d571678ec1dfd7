import { Group, SimpleGrid, Skeleton, Stack, Text } from '@mantine/core';
import { useQuery, useSuspenseQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { actionsQuery, homeQuery, meQuery } from '~/api/queries';
import type { Home, PullRequest, Run } from '~/api/types';
import { EventLine } from '~/features/audit/EventLine';
import { RunRow } from '~/features/entity/EntityRuns';
import { recentEntities } from '~/lib/recent';
import { givenName } from '~/lib/words';
import { t } from '~/strings';
import { Pill, When } from '~/ui/bits';
import { NamedIcon } from '~/ui/entityIcon';
import { EntityLink } from '~/ui/EntityLink';
import { IconBolt } from '~/ui/icons';
import { PageHeader } from '~/ui/PageHeader';
import { Section } from '~/ui/Section';
import { EmptyState, ErrorState, StaleNote } from '~/ui/States';
import { ServiceCard } from './ServiceCard';
import { ButtonLink } from '~/ui/links';

function greeting(name: string): string {
  const hour = new Date().getHours();
  if (hour < 12) return t.home.morning(name);
  return hour < 18 ? t.home.afternoon(name) : t.home.evening(name);
}

/** What waits for me, what is mine, what changed, and a way to start. */
export function HomePage() {
  const { user } = useSuspenseQuery(meQuery).data;
  const query = useQuery(homeQuery);
  const { data, error, refetch, isPending } = query;
  const waiting = data
    ? data.waiting.pullRequests.length + data.waiting.runs.length + data.waiting.approvals.length
    : 0;
  return (
    <div className="sph-page home">
      <PageHeader
        title={greeting(givenName(user.name))}
        documentTitle={t.shell.home}
        description={data ? (waiting > 0 ? t.shell.inbox(waiting) : t.home.allCalm) : undefined}
      />
      {error && !data ? (
        <ErrorState error={error} retry={() => void refetch()} />
      ) : (
        <>
          <StaleNote query={query} />
          {waiting > 0 && data && <Waiting waiting={data.waiting} />}
          <MyServices home={data} pending={isPending} />
          <SimpleGrid cols={{ base: 1, md: 2 }} spacing="md">
            <Stack gap="md">
              <Start />
              <MyRuns home={data} />
              <Recent />
            </Stack>
            <Changes home={data} />
          </SimpleGrid>
        </>
      )}
    </div>
  );
}

function Lines() {
  return (
    <Stack gap={14} p="md">
      <Skeleton h={18} />
      <Skeleton h={18} w="80%" />
      <Skeleton h={18} w="60%" />
    </Stack>
  );
}

function Waiting({ waiting }: { waiting: Home['waiting'] }) {
  return (
    <div id="waiting">
      <Section title={t.home.waitingForMe} flush>
        {waiting.runs.map((run) => (
          <WaitingRun key={run.id} run={run} />
        ))}
        {waiting.approvals.map((one) => (
          <WaitingRow
            key={one.id}
            kind={t.home.approval}
            text={one.title}
            at={one.createdAt}
            action={<Decide id={one.id} />}
          />
        ))}
        {waiting.pullRequests.map((pull) => (
          <WaitingPull key={`${pull.repository}/${pull.number}`} pull={pull} />
        ))}
      </Section>
    </div>
  );
}

function WaitingRow({
  kind,
  text,
  at,
  action,
}: {
  kind: string;
  text: ReactNode;
  at: string;
  action: ReactNode;
}) {
  return (
    <div className="sph-row sph-line">
      <span className="sph-kind">
        <Pill tone="warn" dot>
          {kind}
        </Pill>
      </span>
      <Text size="sm" className="sph-line-text" component="div">
        {text}
      </Text>
      <Text size="xs" className="sph-muted">
        <When at={at} />
      </Text>
      {action}
    </div>
  );
}

function WaitingRun({ run }: { run: Run }) {
  return (
    <WaitingRow
      kind={t.home.approval}
      text={
        <>
          {run.title}
          {run.waiting?.reason && <span className="sph-muted"> · {run.waiting.reason}</span>}
        </>
      }
      at={run.createdAt}
      action={<Decide id={run.id} />}
    />
  );
}

function Decide({ id }: { id: string }) {
  return (
    <ButtonLink size="compact-sm" variant="light" to="/approvals/$id" params={{ id }}>
      {t.home.decide}
    </ButtonLink>
  );
}

function WaitingPull({ pull }: { pull: PullRequest }) {
  return (
    <WaitingRow
      kind={t.home.pullRequest}
      text={
        <>
          {pull.title} <span className="sph-muted">{`${pull.repository} #${pull.number}`}</span>
        </>
      }
      at={pull.createdAt}
      action={
        <ButtonLink
          size="compact-sm"
          variant="light"
          to="/forge/$repo/pulls/$number"
          params={{ repo: pull.repository, number: String(pull.number) }}
        >
          {t.home.review}
        </ButtonLink>
      }
    />
  );
}

function MyServices({ home, pending }: { home?: Home; pending: boolean }) {
  const services = home?.myServices ?? [];
  return (
    <section aria-label={t.home.myServices}>
      <Group justify="space-between" mb="xs">
        <Text component="h2" fw={650} fz="0.95rem" m={0}>
          {t.home.myServices}
        </Text>
        <Link to="/catalog/$blueprint" params={{ blueprint: 'Component' }}>
          <Text size="sm" span>
            {t.home.allServices}
          </Text>
        </Link>
      </Group>
      {pending && (
        <SimpleGrid cols={{ base: 1, xs: 2, lg: 4 }} spacing="md">
          {[0, 1, 2, 3].map((i) => (
            <Skeleton key={i} h={92} radius={10} />
          ))}
        </SimpleGrid>
      )}
      {home && services.length === 0 && (
        <div className="sph-card">
          <EmptyState
            icon={<NamedIcon name="service" size={28} />}
            title={t.home.noServices}
            text={t.home.noServicesText}
            action={
              <ButtonLink to="/create/$action" params={{ action: 'create_service' }}>
                {t.home.createService}
              </ButtonLink>
            }
            command="sphera create service NAME --team TEAM"
          />
        </div>
      )}
      {services.length > 0 && (
        <SimpleGrid cols={{ base: 1, xs: 2, lg: 4 }} spacing="md">
          {services.slice(0, 8).map((service) => (
            <ServiceCard key={service.identifier} service={service} />
          ))}
        </SimpleGrid>
      )}
    </section>
  );
}

function MyRuns({ home }: { home?: Home }) {
  return (
    <Section
      title={t.home.myRuns}
      flush
      action={
        <Link to="/runs">
          <Text size="sm" span>
            {t.home.allRuns}
          </Text>
        </Link>
      }
    >
      {!home && <Lines />}
      {home?.myRuns.length === 0 && (
        <Text size="sm" className="sph-muted" p="md">
          {t.home.noRuns}
        </Text>
      )}
      {home?.myRuns.slice(0, 6).map((run) => (
        <RunRow key={run.id} run={run} />
      ))}
    </Section>
  );
}

function Changes({ home }: { home?: Home }) {
  return (
    <Section title={t.home.whatChanged} flush>
      {!home && <Lines />}
      {home?.changes.length === 0 && (
        <Text size="sm" className="sph-muted" p="md">
          {t.home.nothingChanged}
        </Text>
      )}
      {home?.changes.slice(0, 14).map((event) => (
        <EventLine key={event.seq} event={event} />
      ))}
    </Section>
  );
}

function Start() {
  const actions = useQuery(actionsQuery).data?.filter((action) => !action.blueprint && action.allowed) ?? [];
  return (
    <Section
      title={t.home.startSomething}
      action={
        <Link to="/create">
          <Text size="sm" span>
            {t.home.everything}
          </Text>
        </Link>
      }
    >
      <SimpleGrid cols={{ base: 1, xs: 2 }} spacing="xs" py={4}>
        {actions.slice(0, 6).map((action) => (
          <ButtonLink
            key={action.identifier}
            variant="default"
            justify="flex-start"
            leftSection={<NamedIcon name={action.icon} size={16} />}
            to="/create/$action"
            params={{ action: action.identifier }}
          >
            {action.title}
          </ButtonLink>
        ))}
        {actions.length === 0 && (
          <ButtonLink
            variant="default"
            justify="flex-start"
            leftSection={<IconBolt size={16} />}
            to="/create"
          >
            {t.home.everything}
          </ButtonLink>
        )}
      </SimpleGrid>
    </Section>
  );
}

function Recent() {
  const recent = recentEntities();
  if (recent.length === 0) return null;
  return (
    <Section title={t.home.recent} flush>
      {recent.slice(0, 5).map((hit) => (
        <div key={`${hit.blueprint}/${hit.identifier}`} className="sph-row sph-line">
          <NamedIcon name={hit.icon} fallback={hit.blueprint} size={16} />
          <Text size="sm" className="sph-line-text">
            <EntityLink blueprint={hit.blueprint} id={hit.identifier} title={hit.title} />
          </Text>
          <Text size="xs" className="sph-muted">
            {hit.blueprint}
          </Text>
        </div>
      ))}
    </Section>
  );
}
