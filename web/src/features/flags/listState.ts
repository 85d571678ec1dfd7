import type { Kind, ListedState } from './types';

/** The state of the list of flags, all of it in the address. */
export type ListState = {
  q?: string;
  project?: string;
  /** The environment in which the state is judged. */
  env?: string;
  owner?: string;
  kind?: Kind;
  state?: ListedState;
  tag?: string;
  stale?: boolean;
  /** The saved view that the list was opened with. */
  view?: string;
};

const states: ListedState[] = ['on', 'off', 'partial', 'archived'];
const kinds: Kind[] = ['release', 'experiment', 'operational', 'kill-switch', 'permission'];
const text = (value: unknown) =>
  value === undefined || value === null || value === '' ? undefined : String(value);

/** Reads the state from an address; what makes no sense is left out. */
export function parseListState(raw: Record<string, unknown>): ListState {
  const known = <T>(value: unknown, all: T[]) => all.find((each) => each === value);
  return {
    q: text(raw.q),
    project: text(raw.project),
    env: text(raw.env),
    owner: text(raw.owner),
    kind: known(raw.kind, kinds),
    state: known(raw.state, states),
    tag: text(raw.tag),
    stale: raw.stale === true || raw.stale === 'true' || undefined,
    view: text(raw.view),
  };
}

/** True when the list shows less than everything. */
export function isNarrowed(state: ListState): boolean {
  return Object.entries(state).some(
    ([name, value]) => name !== 'env' && name !== 'view' && value !== undefined,
  );
}

/** The state as it is kept in a view, always in the same order. */
export function viewText(state: ListState): string {
  const kept = Object.entries(state).filter(([name]) => name !== 'view');
  const pairs = kept.flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]]));
  return new URLSearchParams(pairs.sort(([a], [b]) => (a! < b! ? -1 : 1))).toString();
}

export function viewState(text: string): ListState {
  return parseListState(Object.fromEntries(new URLSearchParams(text)));
}
