import { Group, Stack, Table, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { count, plural } from '~/lib/format';
import { t } from '~/strings';
import { tc } from '~/strings/catalog';
import { Pill, When, type Tone } from '~/ui/bits';
import { IconPlug } from '~/ui/icons';
import { ButtonLink } from '~/ui/links';
import { Section } from '~/ui/Section';
import { EmptyState, ErrorState, Skeletons } from '~/ui/States';
import { heldQuery, sourcesQuery } from './queries';

export const sweepTones: Record<string, Tone> = {
  open: 'info',
  held: 'warn',
  approved: 'info',
  done: 'ok',
  rejected: 'mute',
  failed: 'bad',
  withdrawn: 'mute',
};

/** How many entities a sweep would delete or has deleted. */
export const sizeOf = (counts: Record<string, number>): number =>
  Object.values(counts).reduce((sum, n) => sum + n, 0);

/** Who writes into the catalog, and what waits for a person. */
export function SourcesTab() {
  const { data, error, isPending, refetch } = useQuery(sourcesQuery);
  const held = useQuery(heldQuery).data ?? [];
  return (
    <Stack gap="md">
      {held.length > 0 && (
        <Section title={tc.sources.held} description={tc.sources.heldText} flush>
          {held.map((sweep) => (
            <Group key={sweep.id} justify="space-between" px="md" py="sm" gap="xs">
              <div style={{ minWidth: 0 }}>
                <Text size="sm" fw={550} style={{ overflowWrap: 'anywhere' }}>
                  {sweep.source}
                </Text>
                <Text size="sm" className="sph-muted">
                  {tc.sources.wants(
                    plural(sizeOf(sweep.counts), 'entity', 'entities'),
                    count(sweep.entities),
                  )}{' '}
                  · <When at={sweep.startedAt} />
                </Text>
              </div>
              <ButtonLink to="/sweeps/$sweep" params={{ sweep: String(sweep.id) }} size="compact-sm">
                {tc.sources.review}
              </ButtonLink>
            </Group>
          ))}
        </Section>
      )}
      <div className="sph-card">
        {isPending && <Skeletons />}
        {error && !data && <ErrorState error={error} retry={() => void refetch()} />}
        {data?.length === 0 && (
          <EmptyState icon={<IconPlug size={32} />} title={tc.sources.none} text={tc.sources.noneText} />
        )}
        {data && data.length > 0 && (
          <Table.ScrollContainer minWidth={720}>
            <Table verticalSpacing="sm" highlightOnHover>
              <Table.Thead>
                <Table.Tr>
                  <Table.Th>{tc.sources.source}</Table.Th>
                  <Table.Th>{tc.sources.kind}</Table.Th>
                  <Table.Th ta="right">{tc.sources.entities}</Table.Th>
                  <Table.Th>{tc.sources.seen}</Table.Th>
                  <Table.Th>{tc.sources.lastSweep}</Table.Th>
                  <Table.Th>{tc.sources.brake}</Table.Th>
                </Table.Tr>
              </Table.Thead>
              <Table.Tbody>
                {data.map((source) => (
                  <Table.Tr key={source.id}>
                    <Table.Td style={{ overflowWrap: 'anywhere' }}>{source.id}</Table.Td>
                    <Table.Td>{tc.sources.kinds[source.kind] ?? source.kind}</Table.Td>
                    <Table.Td ta="right" className="num">
                      {count(source.entities)}
                    </Table.Td>
                    <Table.Td>
                      <When at={source.seenAt} />{' '}
                      {source.stale && (
                        <Pill tone="warn" title={tc.sources.stale}>
                          {tc.sources.stale}
                        </Pill>
                      )}
                    </Table.Td>
                    <Table.Td>
                      {source.last ? (
                        <Pill tone={sweepTones[source.last.state] ?? 'mute'}>
                          {tc.sources.states[source.last.state] ?? source.last.state}
                        </Pill>
                      ) : (
                        <span className="sph-muted">{t.common.never}</span>
                      )}
                    </Table.Td>
                    <Table.Td>{tc.sources.brakeText(source.brakeMin, source.brakePercent)}</Table.Td>
                  </Table.Tr>
                ))}
              </Table.Tbody>
            </Table>
          </Table.ScrollContainer>
        )}
      </div>
    </Stack>
  );
}
