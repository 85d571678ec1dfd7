import { Text } from '@mantine/core';
import type { Graph, GraphEdge } from '~/api/types';
import { humanise } from '~/lib/words';
import { tc } from '~/strings/catalog';
import { EntityLink } from '~/ui/EntityLink';
import { Section } from '~/ui/Section';

/** The relations from one end to the other, in order; the graph of a path has no more. */
export function orderedPath(graph: Graph, from: string, to: string): { at: string; edge: GraphEdge }[] {
  const before = new Map<string, GraphEdge>();
  const seen = new Set([from]);
  for (const queue = [from]; queue.length > 0;) {
    const at = queue.shift()!;
    if (at === to) break;
    for (const edge of graph.edges) {
      const other = edge.from === at ? edge.to : edge.to === at ? edge.from : undefined;
      if (other === undefined || seen.has(other)) continue;
      seen.add(other);
      before.set(other, edge);
      queue.push(other);
    }
  }
  const steps: { at: string; edge: GraphEdge }[] = [];
  for (let at = to; at !== from;) {
    const edge = before.get(at);
    if (!edge) return [];
    steps.unshift({ at, edge });
    at = edge.from === at ? edge.to : edge.from;
  }
  return steps;
}

/** The path in words, which is also how it is read without the picture. */
export function PathSteps({ graph, from, to }: { graph: Graph; from: string; to: string }) {
  const steps = orderedPath(graph, from, to);
  const nodes = new Map(graph.nodes.map((node) => [node.id, node]));
  const link = (id: string) => {
    const node = nodes.get(id);
    return node ? <EntityLink blueprint={node.blueprint} id={node.identifier} title={node.title} /> : id;
  };
  if (steps.length === 0) return null;
  return (
    <Section title={tc.graph.pathSummary(tc.graph.steps(steps.length))}>
      <ol style={{ margin: '4px 0', paddingLeft: 22 }}>
        {steps.map(({ at, edge }) => (
          <Text key={at} component="li" size="sm" py={3}>
            {link(edge.from)} <span className="sph-muted">{humanise(edge.relation).toLowerCase()} →</span>{' '}
            {link(edge.to)}
          </Text>
        ))}
      </ol>
    </Section>
  );
}
