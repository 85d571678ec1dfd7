/** What the address says about a graph. */
export type GraphState = {
  view?: 'graph' | 'table';
  /** Around the entity when absent. */
  mode?: 'impact' | 'path';
  depth?: number;
  /** The other end of a path, as "Blueprint/identifier". */
  to?: string;
  /** Kinds and relations that are hidden. */
  hide?: string[];
  /** What was opened: a node once per click, or the key of a group. */
  open?: string[];
};

export const usualDepth = 1;
export const deepest = 5;

// Identifiers have no commas, so a list is readable in the address.
function list(value: unknown): string[] | undefined {
  const found = typeof value === 'string' ? value.split(',').filter(Boolean) : [];
  return found.length > 0 ? found : undefined;
}

/** Reads the state from an address; what makes no sense is left out. */
export function parseGraph(raw: Record<string, unknown>): GraphState {
  const depth = Number(raw.depth);
  return {
    view: raw.view === 'table' || raw.view === 'graph' ? raw.view : undefined,
    mode: raw.mode === 'impact' || raw.mode === 'path' ? raw.mode : undefined,
    depth: Number.isInteger(depth) && depth >= 1 && depth <= deepest ? depth : undefined,
    to: typeof raw.to === 'string' && raw.to.includes('/') ? raw.to : undefined,
    hide: list(raw.hide),
    open: list(raw.open),
  };
}

export type GraphSearch = Omit<GraphState, 'hide' | 'open'> & { hide?: string; open?: string };

/** The state as the address has it. */
export function graphSearch(state: GraphState): GraphSearch {
  return {
    ...state,
    depth: state.depth === usualDepth ? undefined : state.depth,
    hide: state.hide?.length ? state.hide.join(',') : undefined,
    open: state.open?.length ? state.open.join(',') : undefined,
  };
}

/** How often each node was opened. */
export function opened(open: string[] | undefined): Map<string, number> {
  const times = new Map<string, number>();
  for (const id of open ?? []) times.set(id, (times.get(id) ?? 0) + 1);
  return times;
}

/** Hides a thing, or shows it again. */
export function toggled(list: string[] | undefined, one: string): string[] {
  return list?.includes(one) ? list.filter((each) => each !== one) : [...(list ?? []), one];
}
