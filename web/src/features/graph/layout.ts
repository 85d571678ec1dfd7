import dagre from '@dagrejs/dagre';
import { nodeHeight, nodeWidth } from './size';

/** More nodes of one rank than this stand in further columns. */
const rowsAtMost = 14;
const rowGap = 20;
const columnGap = 36;
const rankGap = 96;

export type LayoutInput = { nodes: string[]; edges: { from: string; to: string }[]; centre?: string };
export type Place = { id: string; x: number; y: number };

/**
 * Places nodes in ranks from what points to what is pointed to. dagre decides
 * rank and order; a rank with many nodes then becomes a block of columns, so
 * that the whole has the shape of a screen.
 */
export function layOut({ nodes, edges, centre }: LayoutInput): Place[] {
  const layout = new dagre.graphlib.Graph();
  layout.setGraph({ rankdir: 'LR', nodesep: rowGap, ranksep: rankGap });
  layout.setDefaultEdgeLabel(() => ({}));
  for (const id of nodes) layout.setNode(id, { width: nodeWidth, height: nodeHeight });
  for (const edge of edges) {
    if (edge.from !== edge.to && layout.hasNode(edge.from) && layout.hasNode(edge.to)) {
      layout.setEdge(edge.from, edge.to);
    }
  }
  dagre.layout(layout);
  const ranks = new Map<number, { id: string; y: number }[]>();
  for (const id of nodes) {
    const { x, y } = layout.node(id) as { x: number; y: number };
    const rank = Math.round(x);
    ranks.set(rank, [...(ranks.get(rank) ?? []), { id, y }]);
  }
  const tallest = Math.max(...[...ranks.values()].map((rank) => rank.length));
  // Few nodes keep dagre's own heights, which keep edges straight.
  if (tallest <= rowsAtMost) {
    return nodes.map((id) => {
      const { x, y } = layout.node(id) as { x: number; y: number };
      return { id, x: x - nodeWidth / 2, y: y - nodeHeight / 2 };
    });
  }
  const out: Place[] = [];
  let left = 0;
  for (const [, members] of [...ranks].sort((a, b) => a[0] - b[0])) {
    // The centre stands alone before those of its rank.
    if (members.some(({ id }) => id === centre) && members.length > rowsAtMost) {
      out.push({ id: centre!, x: left, y: 0 });
      left += nodeWidth + rankGap;
    }
    const rest = members
      .filter(({ id }) => id !== centre || members.length <= rowsAtMost)
      .sort((a, b) => a.y - b.y);
    const columns = Math.ceil(rest.length / rowsAtMost);
    const rows = Math.ceil(rest.length / columns);
    rest.forEach(({ id }, i) => {
      out.push({
        id,
        x: left + Math.floor(i / rows) * (nodeWidth + columnGap),
        y: ((i % rows) - (rows - 1) / 2) * (nodeHeight + rowGap),
      });
    });
    left += columns * (nodeWidth + columnGap) + rankGap;
  }
  return out;
}
