import { Button, Checkbox, Group, NativeSelect, Popover, SegmentedControl, Stack, Text } from '@mantine/core';
import type { ReactNode } from 'react';
import type { Graph } from '~/api/types';
import { count } from '~/lib/format';
import { humanise } from '~/lib/words';
import { tc } from '~/strings/catalog';
import { IconFilter } from '~/ui/icons';
import { partsOf } from './fold';
import { deepest, toggled, usualDepth, type GraphState } from './state';

type Props = {
  state: GraphState;
  view: 'graph' | 'table';
  /** Everything that was loaded, hidden parts included. */
  graph: Graph | undefined;
  onState: (part: Partial<GraphState>) => void;
  actions?: ReactNode;
};

/** Which part of the graph is shown, and how. */
export function GraphToolbar({ state, view, graph, onState, actions }: Props) {
  return (
    <Group justify="space-between" gap="xs">
      <Group gap="xs">
        <SegmentedControl
          size="xs"
          aria-label={tc.graph.mode}
          value={state.mode ?? 'around'}
          onChange={(mode) =>
            onState({ mode: mode === 'around' ? undefined : (mode as GraphState['mode']), open: undefined })
          }
          data={[
            { value: 'around', label: tc.graph.around },
            { value: 'impact', label: tc.graph.impact },
            { value: 'path', label: tc.graph.path },
          ]}
        />
        {!state.mode && (
          <NativeSelect
            size="xs"
            aria-label={tc.graph.depth}
            value={String(state.depth ?? usualDepth)}
            onChange={(event) => onState({ depth: Number(event.currentTarget.value), open: undefined })}
            data={Array.from({ length: deepest }, (_, i) => ({
              value: String(i + 1),
              label: tc.graph.steps(i + 1),
            }))}
          />
        )}
        {graph && graph.edges.length > 0 && state.mode !== 'path' && (
          <PartFilter graph={graph} hide={state.hide} onHide={(hide) => onState({ hide })} />
        )}
      </Group>
      <Group gap="xs">
        {(state.open?.length ?? 0) > 0 && (
          <Button size="compact-sm" variant="subtle" onClick={() => onState({ open: undefined })}>
            {tc.graph.collapse}
          </Button>
        )}
        <SegmentedControl
          size="xs"
          aria-label={tc.graph.view}
          value={view}
          onChange={(next) => onState({ view: next as GraphState['view'] })}
          data={[
            { value: 'graph', label: tc.graph.picture },
            { value: 'table', label: tc.graph.table },
          ]}
        />
        {actions}
      </Group>
    </Group>
  );
}

function PartFilter({
  graph,
  hide,
  onHide,
}: {
  graph: Graph;
  hide: string[] | undefined;
  onHide: (hide: string[] | undefined) => void;
}) {
  const { kinds, relations } = partsOf(graph);
  const list = (title: string, items: [key: string, label: string, n: number][]) => (
    <Stack gap={6}>
      <Text size="xs" fw={600} className="sph-muted">
        {title}
      </Text>
      {items.map(([key, label, n]) => (
        <Checkbox
          key={key}
          size="xs"
          label={
            <>
              {label} <span className="sph-muted num">{count(n)}</span>
            </>
          }
          checked={!hide?.includes(key)}
          onChange={() => onHide(toggled(hide, key))}
        />
      ))}
    </Stack>
  );
  return (
    <Popover position="bottom-start" trapFocus>
      <Popover.Target>
        <Button
          size="compact-sm"
          variant={hide?.length ? 'light' : 'default'}
          leftSection={<IconFilter size={14} aria-hidden />}
        >
          {hide?.length ? tc.graph.filtered(hide.length) : tc.graph.filter}
        </Button>
      </Popover.Target>
      <Popover.Dropdown aria-label={tc.graph.filter} mah={420} style={{ overflowY: 'auto' }}>
        <Stack gap="sm">
          {list(
            tc.graph.kinds,
            kinds.map(([id, n]) => [id, id, n]),
          )}
          {list(
            tc.graph.relations,
            relations.map(([id, n]) => [`.${id}`, humanise(id), n]),
          )}
          <Button
            size="compact-sm"
            variant="subtle"
            disabled={!hide?.length}
            onClick={() => onHide(undefined)}
          >
            {tc.graph.showAll}
          </Button>
        </Stack>
      </Popover.Dropdown>
    </Popover>
  );
}
