import { Button, Group, Stack, Text } from '@mantine/core';
import { useMediaQuery } from '@mantine/hooks';
import { useQueries, useQuery } from '@tanstack/react-query';
import { lazy, Suspense, useCallback, useMemo, type ReactNode } from 'react';
import type { Entity, Graph, GraphNode, ImpactCount, PathStep } from '~/api/types';
import { EntitySearch } from '~/features/pick/EntitySearch';
import { count, plural } from '~/lib/format';
import { tc } from '~/strings/catalog';
import { IconFilter, IconHierarchy2, IconRoute, IconShieldCheck } from '~/ui/icons';
import { Note } from '~/ui/Note';
import { EmptyState, ErrorState, Skeletons, StaleNote } from '~/ui/States';
import { fold, hideParts } from './fold';
import { GraphTable } from './GraphTable';
import { GraphToolbar } from './GraphToolbar';
import { mergeGraphs } from './mergeGraphs';
import { PathSteps } from './PathSteps';
import { aroundQuery, impactQuery, openedQuery, pathQuery } from './queries';
import { opened, usualDepth, type GraphState } from './state';

const GraphCanvas = lazy(() => import('./GraphCanvas').then((module) => ({ default: module.GraphCanvas })));

type Props = {
  entity: Entity;
  state: GraphState;
  onState: (part: Partial<GraphState>) => void;
  full?: boolean;
  actions?: ReactNode;
};

const isGroup = (id: string) => id.startsWith('group|');

/** The answer to what is asked for, with what was opened since. */
function useGraph(entity: Entity, state: GraphState) {
  const { blueprint: bp, identifier: id } = entity;
  const self = `${bp}/${id}`;
  const around = useQuery({ ...aroundQuery(bp, id, state.depth ?? usualDepth), enabled: !state.mode });
  const impact = useQuery({ ...impactQuery(bp, id), enabled: state.mode === 'impact' });
  const path = useQuery({
    ...pathQuery(self, state.to ?? ''),
    enabled: state.mode === 'path' && Boolean(state.to),
  });
  const query = state.mode === 'impact' ? impact : state.mode === 'path' ? path : around;
  const base = state.mode ? (state.mode === 'impact' ? impact : path).data?.graph : around.data;
  const asked = state.mode ? [] : [...opened(state.open)].filter(([key]) => !isGroup(key));
  const more = useQueries({
    queries: asked.map(([node, times]) => openedQuery(bp, id, node, times)),
    combine: (results) => ({
      graphs: results.flatMap((result) => result.data ?? []),
      error: results.find((result) => result.error)?.error,
    }),
  });
  const graph = useMemo(() => (base ? mergeGraphs([base, ...more.graphs]) : undefined), [base, more.graphs]);
  return { query, graph, openError: more.error, impact: impact.data, path: path.data };
}

/** What an entity is connected to: around it, what depends on it, a path to another. */
export function GraphPanel({ entity, state, onState, full, actions }: Props) {
  // A graph on a phone is a dot; its table says the same.
  const phone = useMediaQuery('(max-width: 36em)', false, { getInitialValueInEffect: false });
  const view = state.view ?? (phone ? 'table' : 'graph');
  const self = `${entity.blueprint}/${entity.identifier}`;
  const title = entity.title || entity.identifier;
  const { query, graph, openError, impact, path } = useGraph(entity, state);
  const open = useCallback(
    (id: string) => onState({ open: [...(state.open ?? []), id] }),
    [onState, state.open],
  );
  return (
    <Stack gap="sm">
      <GraphToolbar state={state} view={view} graph={graph} onState={onState} actions={actions} />
      {state.mode === 'path' && (
        <EntitySearch
          label={tc.graph.target}
          placeholder={tc.graph.targetPlaceholder}
          value={state.to}
          exclude={self}
          onChange={(to) => onState({ to })}
        />
      )}
      {openError && (
        <Note tone="warn" role="status">
          {openError.message}
        </Note>
      )}
      <StaleNote query={query} />
      <Body {...{ title, self, state, view, query, graph, impact, path, onState, full }} onOpen={open} />
    </Stack>
  );
}

type BodyProps = {
  title: string;
  self: string;
  state: GraphState;
  view: 'graph' | 'table';
  query: { isPending: boolean; error: unknown; refetch: () => unknown };
  graph: Graph | undefined;
  impact: { total: number; counts: ImpactCount[]; complete: boolean } | undefined;
  path: { steps: PathStep[]; complete: boolean } | undefined;
  full?: boolean;
  onState: (part: Partial<GraphState>) => void;
  onOpen: (id: string) => void;
};

function Body(props: BodyProps) {
  const { title, self, state, view, query, graph, impact, path, full, onState, onOpen } = props;
  const shown = useMemo(() => graph && hideParts(graph, self, state.hide), [graph, self, state.hide]);
  const times = useMemo(() => opened(state.open), [state.open]);
  const drawn = useMemo(
    () => shown && fold(shown, self, (id) => times.has(id) || state.mode === 'path'),
    [shown, self, times, state.mode],
  );
  const noteOf = useCallback(
    (node: GraphNode) =>
      state.mode === 'impact' && node.depth > 0
        ? node.depth === 1
          ? tc.graph.direct
          : tc.graph.steps(node.depth)
        : undefined,
    [state.mode],
  );
  if (state.mode === 'path' && !state.to) {
    return (
      <Card>
        <EmptyState
          icon={<IconRoute size={28} />}
          title={tc.graph.chooseTarget}
          text={tc.graph.chooseTargetText}
        />
      </Card>
    );
  }
  if (!graph || !shown || !drawn) {
    return (
      <Card>
        {query.isPending ? (
          <Skeletons />
        ) : (
          <ErrorState error={query.error} retry={() => void query.refetch()} />
        )}
      </Card>
    );
  }
  if (graph.edges.length === 0) return <Nothing title={title} state={state} />;
  const label = tc.graph.label(title);
  return (
    <>
      {state.mode === 'path' && <PathSteps graph={graph} steps={path?.steps ?? []} />}
      <Group justify="space-between" gap="xs">
        <Text size="sm" className="sph-muted num" aria-live="polite">
          {state.mode === 'impact'
            ? tc.graph.impactSummary(impactText(impact, graph), title)
            : tc.graph.summary(
                plural(shown.nodes.length, 'entity', 'entities'),
                plural(shown.edges.length, 'relation'),
              )}
        </Text>
        {state.mode === 'impact' && impact && <ByKind counts={impact.counts} />}
      </Group>
      {shown.edges.length === 0 ? (
        <Card>
          <EmptyState
            icon={<IconFilter size={28} />}
            title={tc.graph.allHidden}
            action={
              <Button size="sm" variant="default" onClick={() => onState({ hide: undefined })}>
                {tc.graph.showAll}
              </Button>
            }
          />
        </Card>
      ) : view === 'graph' ? (
        <>
          {drawn.all > drawn.nodes.length + drawn.groups.length && (
            <Note tone="info" role="status">
              {tc.graph.cut(count(drawn.nodes.length + drawn.groups.length), count(drawn.all))}
            </Note>
          )}
          <Suspense fallback={<Skeletons />}>
            <GraphCanvas
              drawn={drawn}
              self={self}
              label={label}
              more={state.mode ? {} : shown.more}
              full={full}
              noteOf={noteOf}
              onOpen={onOpen}
            />
          </Suspense>
        </>
      ) : (
        <GraphTable graph={state.mode ? { ...shown, more: {} } : shown} label={label} onOpen={onOpen} />
      )}
    </>
  );
}

const Card = ({ children }: { children: ReactNode }) => <div className="sph-card">{children}</div>;

function Nothing({ title, state }: { title: string; state: GraphState }) {
  if (state.mode === 'path') {
    return (
      <Card>
        <EmptyState
          icon={<IconRoute size={28} />}
          title={tc.graph.noPath(title, state.to!)}
          text={tc.graph.noPathText}
        />
      </Card>
    );
  }
  if (state.mode === 'impact') {
    return (
      <Card>
        <EmptyState
          icon={<IconShieldCheck size={28} />}
          title={tc.graph.noImpact(title)}
          text={tc.graph.noImpactText}
        />
      </Card>
    );
  }
  return (
    <Card>
      <EmptyState icon={<IconHierarchy2 size={28} />} title={tc.graph.none} text={tc.graph.noneText} />
    </Card>
  );
}

function impactText(impact: BodyProps['impact'], graph: Graph): string {
  const n = impact?.total ?? graph.nodes.length - 1;
  return impact?.complete === false ? tc.graph.atLeast(count(n)) : plural(n, 'entity', 'entities');
}

/** How many of each kind, in words. */
function ByKind({ counts }: { counts: ImpactCount[] }) {
  const byKind = new Map<string, number>();
  for (const each of counts) byKind.set(each.blueprint, (byKind.get(each.blueprint) ?? 0) + each.count);
  return (
    <Group gap={6}>
      {[...byKind]
        .sort((a, b) => b[1] - a[1])
        .slice(0, 8)
        .map(([kind, n]) => (
          <span key={kind} className="pill mute num">
            {kind} {count(n)}
          </span>
        ))}
    </Group>
  );
}
