import '@xyflow/react/dist/style.css';
import dagre from '@dagrejs/dagre';
import { useComputedColorScheme } from '@mantine/core';
import {
  Background,
  Controls,
  Handle,
  Position,
  ReactFlow,
  type Edge,
  type Node,
  type NodeProps,
} from '@xyflow/react';
import { memo, useMemo } from 'react';
import type { Graph, GraphNode } from '~/api/types';
import { humanise } from '~/lib/words';
import { t } from '~/strings';
import { EntityLink } from '~/ui/EntityLink';
import css from './GraphView.module.css';

/** With more relations than this, the lines carry no names. */
const namedEdges = 16;

const width = 184;
const height = 58;

type NodeData = { node: GraphNode; self: boolean; more: number; onExpand: (id: string) => void };

const EntityNode = memo(function EntityNode({ data }: NodeProps<Node<NodeData>>) {
  const { node, self, more, onExpand } = data;
  const title = node.title || node.identifier;
  return (
    <div className={`${css.node} ${self ? css.self : ''}`}>
      <Handle type="target" position={Position.Left} isConnectable={false} />
      <span className={css.kind}>
        {node.blueprint}
        {more > 0 && (
          <button
            type="button"
            className={`${css.more} nodrag`}
            aria-label={t.entity.expand(more, title)}
            title={t.entity.expand(more, title)}
            onClick={() => onExpand(node.id)}
          >
            +{more}
          </button>
        )}
      </span>
      <span className={css.title} title={title}>
        {self ? title : <EntityLink blueprint={node.blueprint} id={node.identifier} title={title} />}
      </span>
      <Handle type="source" position={Position.Right} isConnectable={false} />
    </div>
  );
});

const nodeTypes = { entity: EntityNode };

/** Places the nodes in columns from what points to what is pointed to. */
export function layOut(graph: Graph): Map<string, { x: number; y: number }> {
  const layout = new dagre.graphlib.Graph();
  layout.setGraph({ rankdir: 'LR', nodesep: 22, ranksep: 90 });
  layout.setDefaultEdgeLabel(() => ({}));
  for (const node of graph.nodes) layout.setNode(node.id, { width, height });
  for (const edge of graph.edges) {
    if (layout.hasNode(edge.from) && layout.hasNode(edge.to)) layout.setEdge(edge.from, edge.to);
  }
  dagre.layout(layout);
  return new Map(
    graph.nodes.map((node) => {
      const place = layout.node(node.id) as { x: number; y: number };
      return [node.id, { x: place.x - width / 2, y: place.y - height / 2 }];
    }),
  );
}

/** The picture of a neighbourhood; "+n" opens what was left out. */
export function GraphView({
  graph,
  self,
  label,
  onExpand,
}: {
  graph: Graph;
  self: string;
  label: string;
  onExpand: (id: string) => void;
}) {
  const scheme = useComputedColorScheme('light');
  const nodes = useMemo(() => {
    const places = layOut(graph);
    return graph.nodes.map((node): Node<NodeData> => ({
      id: node.id,
      type: 'entity',
      position: places.get(node.id)!,
      width,
      height,
      focusable: false,
      data: { node, self: node.id === self, more: graph.more[node.id] ?? 0, onExpand },
    }));
  }, [graph, self, onExpand]);
  const edges = useMemo(
    () =>
      graph.edges.map((edge): Edge => ({
        id: `${edge.from} ${edge.relation} ${edge.to}`,
        source: edge.from,
        target: edge.to,
        // Many names would lie over each other; the table has them all.
        label: graph.edges.length > namedEdges ? undefined : humanise(edge.relation).toLowerCase(),
        labelStyle: { fill: 'var(--sph-muted)', fontSize: 10 },
        labelBgStyle: { fill: 'var(--sph-card)' },
        focusable: false,
      })),
    [graph.edges],
  );
  return (
    <section className={`sph-card ${css.box}`} aria-label={label}>
      <ReactFlow
        key={graph.nodes.length}
        nodes={nodes}
        edges={edges}
        nodeTypes={nodeTypes}
        colorMode={scheme}
        fitView
        fitViewOptions={{ maxZoom: 1.1, padding: 0.15 }}
        nodesDraggable={false}
        nodesConnectable={false}
        edgesFocusable={false}
        minZoom={0.15}
      >
        <Background gap={24} />
        <Controls showInteractive={false} />
      </ReactFlow>
    </section>
  );
}
