import { Button, Code, Group, Text } from '@mantine/core';
import { useInfiniteQuery, useQuery, useSuspenseQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { meQuery } from '~/api/queries';
import { ta } from '~/strings/access';
import { t } from '~/strings';
import { Pill, When, type Tone } from '~/ui/bits';
import { IconShield } from '~/ui/icons';
import { PageHeader } from '~/ui/PageHeader';
import { Section } from '~/ui/Section';
import { EmptyState, ErrorState, Skeletons } from '~/ui/States';
import { ChangeDialog } from './ChangeDialog';
import { EditPolicies } from './EditPolicies';
import { ViewAs } from './ViewAs';
import { changesQuery, policiesQuery, type PolicyChange, type PolicyInfo } from './queries';

const tones: Record<string, Tone> = { open: 'warn', applied: 'ok', rejected: 'mute', withdrawn: 'mute' };

/** The policies in force, what waits for a second person, and the history. */
export function PoliciesPage() {
  const { user } = useSuspenseQuery(meQuery).data;
  const { data, error, isPending, refetch } = useQuery(policiesQuery);
  const history = useInfiniteQuery({ ...changesQuery, enabled: Boolean(data) });
  const [editing, setEditing] = useState(false);
  const [open, setOpen] = useState<string>();
  const edits = user.roles.includes('administrator');
  const own = data?.list.filter((one) => !one.builtIn) ?? [];
  const topics = [...new Set(data?.list.filter((one) => one.builtIn).map((one) => one.topic))];
  const changes = history.data?.pages.flatMap((page) => page.changes) ?? [];
  return (
    <div className="sph-page">
      <PageHeader
        title={ta.policies}
        description={ta.policiesText}
        actions={edits && data && !editing && <Button onClick={() => setEditing(true)}>{ta.edit}</Button>}
      />
      {isPending && <Skeletons />}
      {error && !data && <ErrorState error={error} retry={() => void refetch()} />}
      {data && data.waiting.length > 0 && (
        <Section title={ta.waiting} description={ta.waitingText} flush>
          {data.waiting.map((change) => (
            <ChangeRow key={change.id} change={change} onOpen={() => setOpen(change.id)} />
          ))}
        </Section>
      )}
      {data && editing && (
        <EditPolicies
          key={data.set.version}
          set={data.set}
          alone={data.alone}
          onClose={() => setEditing(false)}
        />
      )}
      {data && !editing && (
        <Section title={ta.own} description={ta.version(data.set.version)} flush>
          {own.length === 0 ? (
            <EmptyState icon={<IconShield size={28} />} title={ta.noOwn} text={ta.noOwnText} />
          ) : (
            own.map((one) => <PolicyRow key={one.id} policy={one} />)
          )}
        </Section>
      )}
      {data && (
        <Section title={ta.builtIn} description={ta.builtInText} flush>
          {topics.map((topic) => (
            <details key={topic} style={{ padding: '8px 16px' }}>
              <summary style={{ cursor: 'pointer' }}>
                {ta.topics[topic] ?? topic}{' '}
                <span className="sph-muted num">
                  {data.list.filter((one) => one.builtIn && one.topic === topic).length}
                </span>
              </summary>
              {data.list
                .filter((one) => one.builtIn && one.topic === topic)
                .map((one) => (
                  <PolicyRow key={one.id} policy={one} />
                ))}
            </details>
          ))}
        </Section>
      )}
      {changes.length > 0 && (
        <Section title={ta.history} flush>
          {changes.map((change) => (
            <ChangeRow key={change.id} change={change} onOpen={() => setOpen(change.id)} />
          ))}
          {history.hasNextPage && (
            <Group justify="center" py="xs">
              <Button
                size="compact-sm"
                variant="default"
                loading={history.isFetchingNextPage}
                onClick={() => void history.fetchNextPage()}
              >
                {t.common.more}
              </Button>
            </Group>
          )}
        </Section>
      )}
      {edits && <ViewAs me={user.id} />}
      {open && <ChangeDialog id={open} me={user.id} decides={edits} onClose={() => setOpen(undefined)} />}
    </div>
  );
}

function PolicyRow({ policy }: { policy: PolicyInfo }) {
  return (
    <details style={{ padding: '8px 16px' }}>
      <summary style={{ cursor: 'pointer' }}>
        <Pill tone={policy.forbids ? 'bad' : 'ok'}>{policy.forbids ? ta.forbids : ta.permits}</Pill>{' '}
        <span className="mono">{policy.id}</span>
      </summary>
      <Text size="sm" className="sph-muted" my={6}>
        {policy.reason ? `${policy.reason} ` : ''}
        {policy.advice}
      </Text>
      <Code block tabIndex={0} aria-label={policy.id}>
        {policy.text}
      </Code>
    </details>
  );
}

function ChangeRow({ change, onOpen }: { change: PolicyChange; onOpen: () => void }) {
  return (
    <Group justify="space-between" px="md" py={8} gap="xs">
      <div style={{ minWidth: 0, flex: '1 1 16rem' }}>
        <Group gap={8}>
          <Pill tone={tones[change.state] ?? 'mute'}>{ta.states[change.state] ?? change.state}</Pill>
          <Text size="sm" fw={550} style={{ overflowWrap: 'anywhere' }}>
            {change.reason}
          </Text>
        </Group>
        <Text size="xs" className="sph-muted">
          {change.version ? `${ta.version(change.version)} · ` : ''}
          {ta.proposedBy(change.authorName)}
          {change.alone && ` · ${ta.byAlone}`}
          {!change.alone &&
            change.decidedName &&
            change.state === 'applied' &&
            ` · ${ta.confirmedBy(change.decidedName)}`}
          {' · '}
          <When at={change.createdAt} />
        </Text>
      </div>
      <Button
        size="compact-sm"
        variant="default"
        onClick={onOpen}
        aria-label={`${ta.review}: ${change.reason}`}
      >
        {ta.review}
      </Button>
    </Group>
  );
}
