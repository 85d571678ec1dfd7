import type { Graph } from '~/api/types';

/**
 * Joins a graph with the neighbourhoods that were opened later. The first graph
 * decides how far a node is; a node that was opened has nothing more to show.
 */
export function mergeGraphs(graphs: Graph[]): Graph {
  const nodes = new Map<string, Graph['nodes'][number]>();
  const edges = new Map<string, Graph['edges'][number]>();
  const more: Record<string, number> = {};
  for (const graph of graphs) {
    for (const node of graph.nodes) if (!nodes.has(node.id)) nodes.set(node.id, node);
    for (const edge of graph.edges) edges.set(`${edge.from}\n${edge.relation}\n${edge.to}`, edge);
    for (const node of graph.nodes) {
      // A later answer about the centre of its own graph replaces the count.
      const left = graph.more[node.id] ?? 0;
      if (node.depth === 0) more[node.id] = left;
      else more[node.id] ??= left;
    }
  }
  return {
    nodes: [...nodes.values()],
    edges: [...edges.values()],
    more: Object.fromEntries(Object.entries(more).filter(([, left]) => left > 0)),
  };
}
