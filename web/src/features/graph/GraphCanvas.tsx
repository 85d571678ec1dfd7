import '@xyflow/react/dist/style.css';
import { useComputedColorScheme } from '@mantine/core';
import {
  Background,
  Controls,
  Handle,
  MarkerType,
  MiniMap,
  Position,
  ReactFlow,
  type Edge,
  type Node,
  type NodeProps,
  type ReactFlowInstance,
} from '@xyflow/react';
import { memo, useCallback, useEffect, useMemo, useRef, useState } from 'react';
import type { GraphNode } from '~/api/types';
import { count } from '~/lib/format';
import { humanise } from '~/lib/words';
import { tc } from '~/strings/catalog';
import { EntityLink } from '~/ui/EntityLink';
import { layoutOf, type Drawn, type GroupNode } from './fold';
import css from './GraphCanvas.module.css';
import { nodeHeight, nodeWidth } from './size';
import { usePlaces, type Arranged } from './usePlaces';

/** With more relations than this, only those of the node in hand carry names. */
const namedEdges = 16;
/** Smaller than this, text cannot be read. */
const readable = 0.75;

type NodeData = {
  node?: GraphNode;
  group?: GroupNode;
  hubTitle: string;
  self: boolean;
  more: number;
  /** Said in the corner, e.g. how far away it is. */
  note?: string;
  onOpen: (id: string) => void;
};
type FlowNode = Node<NodeData>;

/** A colour of its own for each kind; the kind is written as well. */
function hueOf(kind: string): number {
  let hash = 0;
  for (const letter of kind) hash = (hash * 31 + letter.charCodeAt(0)) % 3600;
  return Math.round((hash * 137.5) % 360);
}

const FlowCard = memo(function FlowCard({ data }: NodeProps<FlowNode>) {
  const { node, group, self, more, note, onOpen, hubTitle } = data;
  const kind = node?.blueprint ?? group!.blueprint;
  const style = { '--hue': hueOf(kind) } as React.CSSProperties;
  if (group) {
    const n = count(group.members.length);
    return (
      <div className={`${css.node} ${css.group}`} style={style}>
        <Handle type="target" position={Position.Left} isConnectable={false} className={css.handle} />
        <span className={css.kind}>
          <span>{humanise(group.relation)}</span>
          <button
            type="button"
            className={`${css.more} nodrag`}
            aria-label={tc.graph.openGroup(n, kind, hubTitle)}
            title={tc.graph.openGroup(n, kind, hubTitle)}
            onClick={() => onOpen(group.key)}
          >
            {tc.graph.group(n, '').trim()}
          </button>
        </span>
        <span className={css.title}>{kind}</span>
        <Handle type="source" position={Position.Right} isConnectable={false} className={css.handle} />
      </div>
    );
  }
  const title = node!.title || node!.identifier;
  return (
    <div className={`${css.node} ${self ? css.self : ''}`} style={style}>
      <Handle type="target" position={Position.Left} isConnectable={false} className={css.handle} />
      <span className={css.kind}>
        <span>
          {kind}
          {note && ` · ${note}`}
        </span>
        {more > 0 && (
          <button
            type="button"
            className={`${css.more} nodrag`}
            aria-label={tc.graph.expand(count(more), title)}
            title={tc.graph.expand(count(more), title)}
            onClick={() => onOpen(node!.id)}
          >
            {tc.graph.moreNodes(count(more))}
          </button>
        )}
      </span>
      <span className={css.title} title={title}>
        {self ? title : <EntityLink blueprint={node!.blueprint} id={node!.identifier} title={title} />}
      </span>
      <Handle type="source" position={Position.Right} isConnectable={false} className={css.handle} />
    </div>
  );
});

const nodeTypes = { card: FlowCard };

type Props = {
  drawn: Drawn;
  self: string;
  label: string;
  more: Record<string, number>;
  full?: boolean;
  noteOf?: (node: GraphNode) => string | undefined;
  onOpen: (id: string) => void;
};

/** The picture of a graph; "+n" opens what was left out. */
export function GraphCanvas(props: Props) {
  const { arranged, error } = usePlaces(props.drawn, layoutOf);
  if (error) throw error;
  return (
    <section className={`sph-card ${css.box} ${props.full ? css.full : ''}`} aria-label={props.label}>
      {arranged ? (
        <Flow {...props} arranged={arranged} />
      ) : (
        <div className={css.busy} role="status" aria-busy="true">
          {tc.graph.laying}
        </div>
      )}
    </section>
  );
}

function Flow({ arranged, self, more, noteOf, onOpen }: Props & { arranged: Arranged<Drawn> }) {
  const scheme = useComputedColorScheme('light');
  const [near, setNear] = useState<string>();
  const flow = useRef<ReactFlowInstance<FlowNode, Edge>>(undefined);
  const box = useRef<HTMLDivElement>(null);
  // What was opened last stays in the middle when the graph grows.
  const last = useRef<string>(undefined);
  const open = useCallback(
    (id: string) => {
      last.current = id.startsWith('group|') ? id.split('|')[1] : id;
      onOpen(id);
    },
    [onOpen],
  );
  const { of: drawn, places } = arranged;
  const titles = useMemo(
    () => new Map(drawn.nodes.map((node) => [node.id, node.title || node.identifier])),
    [drawn],
  );
  const nodes = useMemo(() => {
    const card = (id: string, data: Omit<NodeData, 'onOpen'>): FlowNode => ({
      id,
      type: 'card',
      position: places.get(id) ?? { x: 0, y: 0 },
      width: nodeWidth,
      height: nodeHeight,
      focusable: false,
      data: { ...data, onOpen: open },
    });
    return [
      ...drawn.nodes.map((node) =>
        card(node.id, {
          node,
          hubTitle: '',
          self: node.id === self,
          more: more[node.id] ?? 0,
          note: noteOf?.(node),
        }),
      ),
      ...drawn.groups.map((group) =>
        card(group.key, { group, hubTitle: titles.get(group.hub) ?? group.hub, self: false, more: 0 }),
      ),
    ];
  }, [drawn, places, self, more, noteOf, open, titles]);
  const few = drawn.edges.length <= namedEdges;
  const edges = useMemo(
    () =>
      drawn.edges.map((edge): Edge => {
        const lit = near !== undefined && (edge.from === near || edge.to === near);
        const colour = lit ? 'var(--mantine-primary-color-filled)' : 'var(--sph-edge)';
        return {
          id: edge.id,
          source: edge.from,
          target: edge.to,
          // Many names would lie over each other; the table has them all.
          label: few || lit ? humanise(edge.relation).toLowerCase() : undefined,
          labelStyle: { fill: lit ? 'var(--mantine-color-text)' : 'var(--sph-muted)', fontSize: 11 },
          labelBgStyle: { fill: 'var(--sph-card)' },
          style: { stroke: colour, strokeWidth: lit ? 2 : 1.25, opacity: lit || few || edge.tree ? 1 : 0.35 },
          markerEnd: { type: MarkerType.ArrowClosed, color: colour, width: 16, height: 16 },
          zIndex: lit ? 1 : 0,
          focusable: false,
        };
      }),
    [drawn.edges, near, few],
  );

  const look = useCallback(() => {
    const all = [...places.values()];
    const size = box.current?.getBoundingClientRect();
    if (!flow.current || !size || all.length === 0) return;
    const wide = Math.max(...all.map((p) => p.x)) - Math.min(...all.map((p) => p.x)) + nodeWidth;
    const high = Math.max(...all.map((p) => p.y)) - Math.min(...all.map((p) => p.y)) + nodeHeight;
    const centre = places.get(last.current ?? self);
    if (!centre || Math.min(size.width / wide, size.height / high) >= readable) {
      void flow.current.fitView({ minZoom: 0.8, maxZoom: 1.1, padding: 0.12 });
      return;
    }
    void flow.current.setCenter(centre.x + nodeWidth / 2, centre.y + nodeHeight / 2, { zoom: 0.85 });
  }, [places, self]);
  useEffect(look, [look]);

  return (
    <div
      ref={box}
      style={{ width: '100%', height: '100%' }}
      data-graph-nodes={nodes.length}
      // Who moves by keyboard sees where they are.
      onFocus={(event) => {
        const id = event.target.closest<HTMLElement>('.react-flow__node')?.dataset.id;
        const place = id === undefined ? undefined : places.get(id);
        setNear(id);
        if (place && event.target.matches(':focus-visible')) {
          const zoom = Math.max(flow.current?.getZoom() ?? 1, readable);
          void flow.current?.setCenter(place.x + nodeWidth / 2, place.y + nodeHeight / 2, { zoom });
        }
      }}
      onBlur={() => setNear(undefined)}
    >
      <ReactFlow
        nodes={nodes}
        edges={edges}
        nodeTypes={nodeTypes}
        colorMode={scheme}
        nodesDraggable={false}
        nodesConnectable={false}
        edgesFocusable={false}
        elementsSelectable={false}
        onNodeMouseEnter={(_, node) => setNear(node.id)}
        onNodeMouseLeave={() => setNear(undefined)}
        onInit={(instance) => {
          flow.current = instance;
          look();
        }}
        minZoom={0.1}
        maxZoom={1.6}
        onlyRenderVisibleElements={nodes.length > 120}
      >
        <Background gap={24} />
        <Controls showInteractive={false} />
        {nodes.length > 30 && (
          <MiniMap
            style={{ width: 150, height: 96 }}
            pannable
            zoomable
            ariaLabel={null}
            nodeColor="var(--sph-edge)"
            maskColor="var(--sph-mask)"
          />
        )}
      </ReactFlow>
    </div>
  );
}
