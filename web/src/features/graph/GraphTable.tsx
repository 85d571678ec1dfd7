import { Button, Group, Table, Text } from '@mantine/core';
import type { Graph } from '~/api/types';
import { count } from '~/lib/format';
import { humanise } from '~/lib/words';
import { tc } from '~/strings/catalog';
import { EntityLink } from '~/ui/EntityLink';
import { Section } from '~/ui/Section';

const rowsAtMost = 1000;

/** The same graph as a table, for reading, for keyboards and for small screens. */
export function GraphTable({
  graph,
  label,
  onOpen,
}: {
  graph: Graph;
  label: string;
  onOpen: (id: string) => void;
}) {
  const nodes = new Map(graph.nodes.map((node) => [node.id, node]));
  const cell = (id: string) => {
    const node = nodes.get(id);
    if (!node) return id;
    return (
      <>
        <EntityLink blueprint={node.blueprint} id={node.identifier} title={node.title} />{' '}
        <Text span size="xs" className="sph-muted">
          {node.blueprint}
        </Text>
      </>
    );
  };
  const waiting = graph.nodes.filter((node) => (graph.more[node.id] ?? 0) > 0);
  return (
    <>
      <div className="sph-card">
        <Table.ScrollContainer minWidth={520} scrollAreaProps={{ viewportProps: { tabIndex: 0 } }}>
          <Table verticalSpacing={9} horizontalSpacing="md" aria-label={label}>
            <Table.Thead>
              <Table.Tr>
                <Table.Th>{tc.graph.from}</Table.Th>
                <Table.Th>{tc.graph.relation}</Table.Th>
                <Table.Th>{tc.graph.to}</Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {graph.edges.slice(0, rowsAtMost).map((edge) => (
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
      {waiting.length > 0 && (
        <Section title={tc.graph.notShown} description={tc.graph.notShownText}>
          <Group gap={6} py={4}>
            {waiting.slice(0, 40).map((node) => (
              <Button
                key={node.id}
                size="compact-sm"
                variant="default"
                title={tc.graph.expand(count(graph.more[node.id]!), node.title || node.identifier)}
                onClick={() => onOpen(node.id)}
              >
                {node.title || node.identifier} {tc.graph.moreNodes(count(graph.more[node.id]!))}
              </Button>
            ))}
          </Group>
        </Section>
      )}
    </>
  );
}
