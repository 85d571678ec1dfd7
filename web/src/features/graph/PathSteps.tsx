import { Text } from '@mantine/core';
import type { Graph, PathStep } from '~/api/types';
import { humanise } from '~/lib/words';
import { tc } from '~/strings/catalog';
import { EntityLink } from '~/ui/EntityLink';
import { Section } from '~/ui/Section';

/** The path in words, which is also how it is read without the picture. */
export function PathSteps({ graph, steps }: { graph: Graph; steps: PathStep[] }) {
  const nodes = new Map(graph.nodes.map((node) => [node.id, node]));
  const link = (id: string) => {
    const node = nodes.get(id);
    return node ? <EntityLink blueprint={node.blueprint} id={node.identifier} title={node.title} /> : id;
  };
  return (
    <Section title={tc.graph.pathSummary(tc.graph.steps(steps.length))}>
      <ol style={{ margin: '4px 0', paddingLeft: 22 }}>
        {steps.map((step) => {
          // A step against its relation is read from the relation's own side.
          const [from, to] = step.against ? [step.to, step.from] : [step.from, step.to];
          return (
            <Text key={`${step.from} ${step.to}`} component="li" size="sm" py={3}>
              {link(from)} <span className="sph-muted">{humanise(step.relation).toLowerCase()} →</span>{' '}
              {link(to)}
            </Text>
          );
        })}
      </ol>
    </Section>
  );
}
