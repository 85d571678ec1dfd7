import type { Graph } from '~/api/types';

/**
 * Joins a graph with the neighbourhoods that were opened later. The first graph
 * decides how far a node is. Each answer counts the relations of a node that it
 * leaves out; what the others show of them is shown now.
 */
export function mergeGraphs(graphs: Graph[]): Graph {
  const nodes = new Map<string, Graph['nodes'][number]>();
  const edges = new Map<string, Graph['edges'][number]>();
  const total = new Map<string, number>();
  for (const graph of graphs) {
    for (const node of graph.nodes) if (!nodes.has(node.id)) nodes.set(node.id, node);
    for (const edge of graph.edges) edges.set(`${edge.from}\n${edge.relation}\n${edge.to}`, edge);
    const shown = countEdges(graph.edges);
    for (const [id, left] of Object.entries(graph.more)) {
      total.set(id, Math.max(total.get(id) ?? 0, left + (shown.get(id) ?? 0)));
    }
  }
  const all = [...edges.values()].filter((edge) => nodes.has(edge.from) && nodes.has(edge.to));
  const shown = countEdges(all);
  const more: Record<string, number> = {};
  for (const [id, n] of total) {
    const left = n - (shown.get(id) ?? 0);
    if (left > 0 && nodes.has(id)) more[id] = left;
  }
  return { nodes: [...nodes.values()], edges: all, more, hidden: [], next: graphs.at(-1)?.next };
}

function countEdges(edges: Graph['edges']): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { from, to } of edges) {
    counts.set(from, (counts.get(from) ?? 0) + 1);
    if (to !== from) counts.set(to, (counts.get(to) ?? 0) + 1);
  }
  return counts;
}
