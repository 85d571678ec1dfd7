import { Button, Code, Group, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { ta } from '~/strings/access';
import { Fact, Facts, Pill } from '~/ui/bits';
import { Dialog } from '~/ui/Dialog';
import { Section } from '~/ui/Section';
import { ErrorState, Skeletons } from '~/ui/States';
import { rightsQuery, whoQuery, whyQuery, type Right, type Thing } from './queries';

/** "What can I do here?" with "Why not?" and "Who can?" for each thing that can be done. */
export function AccessPanel({ thing }: { thing: Thing }) {
  const { data, error, isPending, refetch } = useQuery(rightsQuery(thing));
  const [why, setWhy] = useState<Right>();
  const [who, setWho] = useState<Right>();
  return (
    <Section title={ta.hereTitle} description={ta.hereText} flush>
      {isPending && <Skeletons />}
      {error && !data && <ErrorState error={error} retry={() => void refetch()} />}
      {data?.map((right) => (
        <Group key={right.verb} justify="space-between" px="md" py={8} gap="xs">
          <div style={{ minWidth: 0, flex: '1 1 16rem' }}>
            <Group gap={8}>
              <Pill tone={right.allowed ? 'ok' : 'mute'}>{right.allowed ? ta.allowed : ta.denied}</Pill>
              <Text size="sm" fw={550} component="span">
                {right.words.charAt(0).toUpperCase() + right.words.slice(1)}
              </Text>
            </Group>
            {!right.allowed && (
              <Text size="sm" className="sph-muted">
                {right.reason}
              </Text>
            )}
          </div>
          <Group gap={6}>
            <Button
              size="compact-sm"
              variant="default"
              aria-label={`${right.allowed ? ta.because : ta.why} ${right.words}`}
              onClick={() => setWhy(right)}
            >
              {right.allowed ? ta.because : ta.why}
            </Button>
            <Button
              size="compact-sm"
              variant="default"
              aria-label={`${ta.who} ${right.words}`}
              onClick={() => setWho(right)}
            >
              {ta.who}
            </Button>
          </Group>
        </Group>
      ))}
      {why && <Why thing={thing} right={why} onClose={() => setWhy(undefined)} />}
      {who && <Who thing={thing} right={who} onClose={() => setWho(undefined)} />}
    </Section>
  );
}

function Why({ thing, right, onClose }: { thing: Thing; right: Right; onClose: () => void }) {
  const { data, error, refetch } = useQuery(whyQuery(thing, right.verb));
  const title = right.allowed ? ta.whyYesTitle(right.words) : ta.whyTitle(right.words);
  return (
    <Dialog opened onClose={onClose} title={title}>
      {!data && !error && <Skeletons rows={3} />}
      {error && !data && <ErrorState error={error} retry={() => void refetch()} />}
      {data && (
        <>
          <Facts>
            {data.right.reason && <Fact name={ta.because}>{data.right.reason}</Fact>}
            {data.right.alternative && <Fact name={ta.instead}>{data.right.alternative}</Fact>}
            {data.right.who && <Fact name={ta.whoHelps}>{data.right.who}</Fact>}
            {data.right.clause && (
              <Fact name={ta.clause}>
                <Code>{data.right.clause}</Code>
              </Fact>
            )}
            <Fact name={ta.policy}>
              <Code>{data.right.rule}</Code>
            </Fact>
          </Facts>
          {data.policy && (
            <Code block mt="sm" tabIndex={0} aria-label={ta.policy}>
              {data.policy}
            </Code>
          )}
        </>
      )}
    </Dialog>
  );
}

function Who({ thing, right, onClose }: { thing: Thing; right: Right; onClose: () => void }) {
  const { data, error, refetch } = useQuery(whoQuery(thing, right.verb));
  return (
    <Dialog opened onClose={onClose} title={ta.whoTitle(right.words)}>
      {!data && !error && <Skeletons rows={3} />}
      {error && !data && <ErrorState error={error} retry={() => void refetch()} />}
      {data?.people.length === 0 && <Text size="sm">{ta.whoNone}</Text>}
      {data && data.people.length > 0 && (
        <ul style={{ listStyle: 'none', margin: 0, padding: 0 }}>
          {data.people.map((person) => (
            <li key={person.id} style={{ padding: '6px 0' }}>
              <Text size="sm" fw={550}>
                {person.name} {person.kind && <Pill tone="mute">{ta.machine}</Pill>}
              </Text>
              <Text size="xs" className="sph-muted">
                {[...person.roles, ...person.teams].join(', ')} · {person.rule}
              </Text>
            </li>
          ))}
        </ul>
      )}
      {data && data.total > data.people.length && (
        <Text size="sm" className="sph-muted">
          {ta.whoMore(data.people.length, data.total)}
        </Text>
      )}
    </Dialog>
  );
}
