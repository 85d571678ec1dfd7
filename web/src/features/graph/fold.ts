import type { Graph, GraphNode } from '~/api/types';
import type { LayoutInput } from './layout';

/** So many neighbours that are alike become one node. */
export const foldFrom = 6;
/** With more edges than this, those that go across are drawn faintly. */
const fewEdges = 24;
/** More than this cannot be read. */
export const drawnAtMost = 200;

/** Several entities drawn as one: alike, and connected to the same one only. */
export type GroupNode = {
  key: string;
  hub: string;
  blueprint: string;
  relation: string;
  members: GraphNode[];
};
export type DrawnEdge = {
  id: string;
  from: string;
  to: string;
  relation: string;
  /** Leads away from the centre; the others go across and are drawn faintly. */
  tree: boolean;
};
export type Drawn = {
  nodes: GraphNode[];
  groups: GroupNode[];
  edges: DrawnEdge[];
  /** How many nodes there would be without the bound. */
  all: number;
};

/** Leaves out kinds and relations, and then what nothing connects any more. */
export function hideParts(graph: Graph, self: string, hide: string[] | undefined): Graph {
  if (!hide?.length) return graph;
  const hidden = new Set(hide);
  const nodes = graph.nodes.filter((node) => node.id === self || !hidden.has(node.blueprint));
  const kept = new Set(nodes.map((node) => node.id));
  const edges = graph.edges.filter(
    (edge) => kept.has(edge.from) && kept.has(edge.to) && !hidden.has(`.${edge.relation}`),
  );
  const reached = new Set([self]);
  const next = neighbours(edges);
  for (const queue = [self]; queue.length > 0;) {
    for (const other of next.get(queue.pop()!) ?? []) {
      if (!reached.has(other)) queue.push(other);
      reached.add(other);
    }
  }
  return {
    nodes: nodes.filter((node) => reached.has(node.id)),
    edges: edges.filter((edge) => reached.has(edge.from)),
    more: graph.more,
    hidden: graph.hidden,
  };
}

function neighbours(edges: Graph['edges']): Map<string, Set<string>> {
  const out = new Map<string, Set<string>>();
  const add = (a: string, b: string) => {
    if (a === b) return;
    const set = out.get(a);
    if (set) set.add(b);
    else out.set(a, new Set([b]));
  };
  for (const edge of edges) {
    add(edge.from, edge.to);
    add(edge.to, edge.from);
  }
  return out;
}

/**
 * Makes a graph readable: many alike leaves of one node become a group, unless
 * it was opened; beyond the bound the farthest are left out.
 */
export function fold(graph: Graph, self: string, isOpen: (id: string) => boolean): Drawn {
  const next = neighbours(graph.edges);
  const edgesOf = new Map<string, Graph['edges'][number]>();
  for (const edge of graph.edges) {
    for (const end of [edge.from, edge.to]) if (!edgesOf.has(end)) edgesOf.set(end, edge);
  }
  const found = new Map<string, GroupNode>();
  for (const node of graph.nodes) {
    const others = next.get(node.id);
    const edge = edgesOf.get(node.id);
    if (node.id === self || isOpen(node.id) || others?.size !== 1 || !edge) continue;
    const hub = [...others][0]!;
    const way = edge.from === node.id ? 'in' : 'out';
    const key = ['group', hub, edge.relation, way, node.blueprint].join('|');
    const group = found.get(key);
    if (group) group.members.push(node);
    else found.set(key, { key, hub, blueprint: node.blueprint, relation: edge.relation, members: [node] });
  }
  const groups = [...found.values()].filter((g) => g.members.length >= foldFrom && !isOpen(g.key));
  const groupOf = new Map(groups.flatMap((g) => g.members.map((m) => [m.id, g.key] as const)));
  const single = graph.nodes.filter((node) => !groupOf.has(node.id));
  const nodes = [...single].sort((a, b) => a.depth - b.depth).slice(0, drawnAtMost - groups.length);
  const drawn = new Set(nodes.map((node) => node.id));
  const edges = new Map<string, DrawnEdge>();
  for (const edge of graph.edges) {
    if (edge.from === edge.to) continue;
    const from = groupOf.get(edge.from) ?? edge.from;
    const to = groupOf.get(edge.to) ?? edge.to;
    if ((!drawn.has(from) && !groupOf.has(edge.from)) || (!drawn.has(to) && !groupOf.has(edge.to))) continue;
    const id = `${from} ${edge.relation} ${to}`;
    edges.set(id, { id, from, to, relation: edge.relation, tree: true });
  }
  const shownGroups = groups.filter((group) => drawn.has(group.hub));
  const shown = [...edges.values()].filter(
    (edge) => has(drawn, shownGroups, edge.from) && has(drawn, shownGroups, edge.to),
  );
  return {
    nodes,
    groups: shownGroups,
    edges: shown.length > fewEdges ? withTree(shown, nodes) : shown,
    all: single.length + groups.length,
  };
}

/** Of many edges only one per node, towards the centre, is drawn in full. */
function withTree(edges: DrawnEdge[], nodes: GraphNode[]): DrawnEdge[] {
  const depth = new Map(nodes.map((node) => [node.id, node.depth]));
  const depthOf = (id: string) => depth.get(id) ?? Infinity;
  const led = new Set<string>();
  return edges.map((edge) => {
    const [from, to] = [depthOf(edge.from), depthOf(edge.to)];
    const far = from > to ? edge.from : edge.to;
    const tree = from !== to && !led.has(far);
    if (tree) led.add(far);
    return { ...edge, tree };
  });
}

function has(drawn: Set<string>, groups: GroupNode[], id: string): boolean {
  return drawn.has(id) || groups.some((group) => group.key === id);
}

/** The kinds and relations of a graph, most frequent first. */
export function partsOf(graph: Graph): { kinds: [string, number][]; relations: [string, number][] } {
  const tally = (names: string[]) => {
    const counts = new Map<string, number>();
    for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
    return [...counts].sort((a, b) => b[1] - a[1] || a[0].localeCompare(b[0]));
  };
  return {
    kinds: tally(graph.nodes.map((node) => node.blueprint)),
    relations: tally(graph.edges.map((edge) => edge.relation)),
  };
}

/** What the arrangement follows, so that neighbours stand together. */
export function layoutOf(drawn: Drawn): LayoutInput {
  return {
    nodes: [...drawn.nodes.map((node) => node.id), ...drawn.groups.map((group) => group.key)],
    edges: drawn.edges.filter((edge) => edge.tree).map(({ from, to }) => ({ from, to })),
    centre: drawn.nodes.find((node) => node.depth === 0)?.id,
  };
}
