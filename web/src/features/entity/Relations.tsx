import { Group, SegmentedControl, Stack, Table, Text } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { lazy, Suspense, useCallback, useMemo, useState } from 'react';
import { graphQuery } from '~/api/queries';
import type { Entity, Graph } from '~/api/types';
import { plural } from '~/lib/format';
import { humanise, splitEntity } from '~/lib/words';
import { t } from '~/strings';
import { EntityLink } from '~/ui/EntityLink';
import { IconHierarchy2 } from '~/ui/icons';
import { EmptyState, ErrorState, Skeletons } from '~/ui/States';
import { mergeGraphs } from './mergeGraphs';

const GraphView = lazy(() => import('./GraphView').then((module) => ({ default: module.GraphView })));

const nodeLimit = 100;

/** What an entity is connected to, as a picture and as a table. */
export function Relations({
  entity,
  view,
  onView,
}: {
  entity: Entity;
  view: 'graph' | 'table';
  onView: (view: 'graph' | 'table') => void;
}) {
  const queryClient = useQueryClient();
  const { data, error, isPending, refetch } = useQuery(
    graphQuery(entity.blueprint, entity.identifier, 2, nodeLimit),
  );
  const [more, setMore] = useState<Graph[]>([]);
  const graph = useMemo(() => (data ? mergeGraphs([data, ...more]) : undefined), [data, more]);
  const expand = useCallback(
    async (id: string) => {
      const parts = splitEntity(id);
      if (!parts) return;
      const next = await queryClient.fetchQuery(graphQuery(parts.blueprint, parts.identifier, 1, nodeLimit));
      setMore((before) => [...before, next]);
    },
    [queryClient],
  );
  if (isPending) return <Skeletons />;
  if (!graph) return <ErrorState error={error} retry={() => void refetch()} />;
  if (graph.edges.length === 0) {
    return (
      <div className="sph-card">
        <EmptyState icon={<IconHierarchy2 size={28} />} title={t.entity.noRelations} />
      </div>
    );
  }
  const title = entity.title || entity.identifier;
  return (
    <Stack gap="sm">
      <Group justify="space-between">
        <Text size="sm" className="sph-muted num" aria-live="polite">
          {t.entity.graphHint(
            plural(graph.nodes.length, 'entity', 'entities'),
            plural(graph.edges.length, 'relation'),
          )}
        </Text>
        <SegmentedControl
          size="xs"
          aria-label={t.entity.view}
          value={view}
          onChange={(value) => onView(value as 'graph' | 'table')}
          data={[
            { value: 'graph', label: t.entity.graph },
            { value: 'table', label: t.entity.table },
          ]}
        />
      </Group>
      {view === 'graph' ? (
        <Suspense fallback={<Skeletons />}>
          <GraphView
            graph={graph}
            self={`${entity.blueprint}/${entity.identifier}`}
            label={t.entity.graphLabel(title)}
            onExpand={(id) => void expand(id)}
          />
        </Suspense>
      ) : (
        <RelationTable graph={graph} label={t.entity.graphLabel(title)} />
      )}
    </Stack>
  );
}

function RelationTable({ graph, label }: { graph: Graph; label: string }) {
  const nodes = new Map(graph.nodes.map((node) => [node.id, node]));
  const cell = (id: string) => {
    const node = nodes.get(id);
    if (!node) return id;
    return (
      <>
        <EntityLink blueprint={node.blueprint} id={node.identifier} title={node.title} />{' '}
        <span className="sph-muted">{node.blueprint}</span>
      </>
    );
  };
  return (
    <div className="sph-card">
      <Table.ScrollContainer minWidth={520}>
        <Table verticalSpacing={9} horizontalSpacing="md" aria-label={label}>
          <Table.Thead>
            <Table.Tr>
              <Table.Th>{t.entity.from}</Table.Th>
              <Table.Th>{t.entity.relation}</Table.Th>
              <Table.Th>{t.entity.to}</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {graph.edges.map((edge) => (
              <Table.Tr key={`${edge.from} ${edge.relation} ${edge.to}`}>
                <Table.Td>{cell(edge.from)}</Table.Td>
                <Table.Td>{humanise(edge.relation)}</Table.Td>
                <Table.Td>{cell(edge.to)}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
    </div>
  );
}
