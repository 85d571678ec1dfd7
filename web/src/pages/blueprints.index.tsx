import { Table, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { createFileRoute } from '@tanstack/react-router';
import { blueprintsQuery } from '~/api/queries';
import type { Blueprint } from '~/api/types';
import { tc } from '~/strings/catalog';
import { Pill, When } from '~/ui/bits';
import { NamedIcon } from '~/ui/entityIcon';
import { IconBox, IconPlus } from '~/ui/icons';
import { ButtonLink, TextLink } from '~/ui/links';
import { PageHeader } from '~/ui/PageHeader';
import { EmptyState, ErrorState, Skeletons } from '~/ui/States';

export const Route = createFileRoute('/blueprints/')({
  loader: ({ context }) => context.queryClient.prefetchQuery(blueprintsQuery),
  component: Blueprints,
});

const size = (part: unknown) => (part && typeof part === 'object' ? Object.keys(part).length : 0);

function Blueprints() {
  const { data, error, refetch, isPending } = useQuery(blueprintsQuery);
  const add = (
    <ButtonLink to="/blueprints/new" leftSection={<IconPlus size={16} />}>
      {tc.builder.newBlueprint}
    </ButtonLink>
  );
  return (
    <div className="sph-page">
      <PageHeader title={tc.builder.title} description={tc.builder.description} actions={add} />
      <div className="sph-card">
        {isPending && <Skeletons />}
        {error && !data && <ErrorState error={error} retry={() => void refetch()} />}
        {data?.length === 0 && (
          <EmptyState
            icon={<IconBox size={32} />}
            title={tc.builder.noBlueprints}
            text={tc.builder.noBlueprintsText}
            action={add}
          />
        )}
        {data && data.length > 0 && <List blueprints={data} />}
      </div>
    </div>
  );
}

function List({ blueprints }: { blueprints: Blueprint[] }) {
  return (
    <Table.ScrollContainer minWidth={640}>
      <Table verticalSpacing="sm" highlightOnHover>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>{tc.builder.titleField}</Table.Th>
            <Table.Th ta="right">{tc.builder.entities}</Table.Th>
            <Table.Th ta="right">{tc.builder.propertiesCount}</Table.Th>
            <Table.Th ta="right">{tc.builder.relationsCount}</Table.Th>
            <Table.Th ta="right">{tc.builder.derivedCount}</Table.Th>
            <Table.Th>{tc.builder.changedBy}</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {blueprints.map((b) => (
            <Table.Tr key={b.identifier}>
              <Table.Td>
                <span style={{ display: 'flex', gap: 8, alignItems: 'center' }}>
                  <NamedIcon name={b.icon} fallback={b.identifier} size={18} />
                  <TextLink
                    to="/blueprints/$blueprint"
                    params={{ blueprint: b.identifier }}
                    fw={550}
                    size="sm"
                  >
                    {b.title || b.identifier}
                  </TextLink>
                  {b.identifier.startsWith('_') && (
                    <Pill tone="mute" title={tc.builder.systemText}>
                      {tc.builder.system}
                    </Pill>
                  )}
                </span>
                {b.title !== b.identifier && (
                  <Text size="xs" className="mono sph-muted">
                    {b.identifier}
                  </Text>
                )}
              </Table.Td>
              <Table.Td ta="right" className="num">
                {b.entityCount}
              </Table.Td>
              <Table.Td ta="right" className="num">
                {size(b.schema.properties)}
              </Table.Td>
              <Table.Td ta="right" className="num">
                {size(b.relations)}
              </Table.Td>
              <Table.Td ta="right" className="num">
                {size(b.mirrorProperties) + size(b.calculationProperties) + size(b.aggregationProperties)}
              </Table.Td>
              <Table.Td>
                <When at={b.updatedAt} />
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}
