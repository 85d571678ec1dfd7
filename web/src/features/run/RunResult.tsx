import { Code, Group, SimpleGrid, Text, Title } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { instancesQuery, repositoryQuery } from '~/api/services';
import type { ChangeEntry, Run } from '~/api/types';
import { splitEntity } from '~/lib/words';
import { tw } from '~/strings/work';
import { CopyButton, Pill } from '~/ui/bits';
import { IconExternalLink } from '~/ui/icons';
import { ButtonLink } from '~/ui/links';
import { EntityRef } from './RunChanges';
import { PortalLink, safeAddress } from './PortalLink';
import { millis } from './timing';
import css from './run.module.css';

/** What came out of a run: the address that answers, and what to do next. */
export function RunResult({ run }: { run: Run }) {
  const address = safeAddress(run.changes?.findLast((c) => c.kind === 'process' && c.url)?.url);
  const repository = run.changes?.find((c) => c.kind === 'repository' && c.verb === 'created');
  const pulls = pullRequests(run);
  const entity = run.entities[0];
  const service = serviceOf(address);
  return (
    <section aria-label={tw.run.doneTitle} style={{ display: 'grid', gap: 16 }}>
      {address && <Address address={address} run={run} />}
      <div>
        <Title order={2} size="h3" mb="xs">
          {tw.run.next}
        </Title>
        <div className={css.next}>
          {entity && (
            <Card title={<EntityRef of={entity} />}>
              <Text size="sm" className="sph-muted">
                {tw.run.entityPage}
              </Text>
            </Card>
          )}
          {repository?.url && <Clone url={repository.url} />}
          {pulls.length > 0 && (
            <Card title={tw.run.pullsTitle}>
              {pulls.map((pull) => (
                <Text key={pull.title} size="sm" component="div">
                  <PortalLink to={pull.url}>{pull.title}</PortalLink>{' '}
                  <span className="sph-muted">{String(pull.verb ?? '')}</span>
                </Text>
              ))}
            </Card>
          )}
          {service && (
            <Card title={tw.run.changeTitle}>
              <Text size="sm" className="sph-muted" mb="xs">
                {tw.run.changeText}
              </Text>
              <ButtonLink
                size="compact-sm"
                variant="default"
                to="/create/$action"
                params={{ action: 'deploy_service' }}
                search={{ entity: service }}
              >
                {tw.run.deploy}
              </ButtonLink>
            </Card>
          )}
        </div>
      </div>
    </section>
  );
}

/** Each pull request once, with what happened to it last. */
function pullRequests(run: Run): ChangeEntry[] {
  const all = run.changes?.filter((change) => change.kind === 'pull_request') ?? [];
  return [...new Map(all.map((change) => [change.url ?? change.title, change])).values()];
}

/** The service of a proxied address, /run/ENVIRONMENT/SERVICE/. */
function serviceOf(address: string | undefined): string | undefined {
  const found = address && /^\/run\/[^/]+\/([^/?#]+)/.exec(address);
  return found ? decodeURIComponent(found[1]!) : undefined;
}

function Card({ title, children }: { title: ReactNode; children: ReactNode }) {
  return (
    <div className={`sph-card ${css.card}`}>
      <Title order={3} mb={4}>
        {title}
      </Title>
      {children}
    </div>
  );
}

/** The address, asked now by this browser, and how long the first answer took from the click. */
function Address({ address, run }: { address: string; run: Run }) {
  const answer = useQuery({
    queryKey: ['answer', address],
    queryFn: async ({ signal }) => (await fetch(address, { signal, cache: 'no-store' })).status,
    enabled: address.startsWith('/'),
    retry: 5,
    retryDelay: 500,
    staleTime: 30_000,
  });
  const service = serviceOf(address);
  const first = useFirstAnswer(service, address, run);
  const full = new URL(address, location.origin).href;
  return (
    <div className={`${css.notice} ${css.ok}`}>
      <Group gap="sm" mb={4}>
        <Text size="sm" fw={600}>
          {tw.run.answered}
        </Text>
        {answer.data === 200 && (
          <Pill tone="ok" dot>
            {tw.run.answers200}
          </Pill>
        )}
        {answer.isPending && address.startsWith('/') && <Text size="sm">{tw.run.checking}</Text>}
        {(answer.isError || (answer.data !== undefined && answer.data !== 200)) && (
          <Pill tone="warn" dot>
            {tw.run.notYet}
          </Pill>
        )}
      </Group>
      <SimpleGrid cols={1} spacing={4}>
        <span>
          <a className={css.address} href={address} target="_blank" rel="noreferrer">
            {full} <IconExternalLink size={18} aria-hidden />
          </a>{' '}
          <CopyButton value={full} size="md" />
        </span>
        {first !== undefined && <Text size="sm">{tw.run.answeredIn(first)}</Text>}
      </SimpleGrid>
    </div>
  );
}

function useFirstAnswer(service: string | undefined, address: string, run: Run): number | undefined {
  const query = useQuery({ ...instancesQuery(service ?? ''), enabled: service !== undefined });
  const instance = query.data?.find((each) => each.address.replace(/\/$/, '') === address.replace(/\/$/, ''));
  const at = millis(instance?.firstAnswerAt);
  const click = millis(run.createdAt);
  return at !== undefined && click !== undefined && at >= click ? at - click : undefined;
}

function Clone({ url }: { url: string }) {
  const name = decodeURIComponent(/^\/forge\/([^/?#]+)/.exec(url)?.[1] ?? '');
  const repository = useQuery({ ...repositoryQuery(name), enabled: name !== '' }).data;
  if (!repository) return null;
  const command = `git clone ${repository.cloneUrl}`;
  return (
    <Card title={tw.run.cloneTitle}>
      <div className={css.code}>
        <Code>{command}</Code>
        <CopyButton value={command} size="md" />
      </div>
      <Text size="sm" mt={6}>
        <PortalLink to={url}>{name}</PortalLink>
      </Text>
    </Card>
  );
}

/** True for a run whose result deserves the first place on its page. */
export function hasResult(run: Run): boolean {
  const entity = run.entities[0];
  return run.state === 'succeeded' && !run.undoing && Boolean(entity && splitEntity(entity));
}
