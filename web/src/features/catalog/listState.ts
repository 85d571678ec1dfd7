import { parseQuery, type QueryGroup } from './queryTree';

/** The state of a list of entities, all of it in the address. */
export type ListState = {
  /** Text that is looked for. */
  q?: string;
  filter?: QueryGroup;
  /** A column's sort key; a leading "-" sorts downwards. */
  sort?: string;
  /** The shown columns in their order, when not the usual ones. */
  cols?: string[];
  /** Widths of columns that were dragged, in pixels. */
  widths?: Record<string, number>;
  /** The property whose values make groups, and those that are open. */
  group?: string;
  open?: string[];
  /** The saved view this began with. */
  view?: string;
};

/** As the address has it: short texts. */
export type ListSearch = {
  q?: string;
  filter?: QueryGroup;
  sort?: string;
  cols?: string;
  w?: string;
  group?: string;
  open?: string;
  view?: string;
};

const text = (value: unknown) =>
  value === undefined || value === null || value === '' ? undefined : String(value);
const list = (value: unknown) => {
  const found = text(value)?.split(',').filter(Boolean);
  return found?.length ? found : undefined;
};

const narrowest = 60;
const widest = 900;

function parseWidths(raw: unknown): Record<string, number> | undefined {
  const widths: Record<string, number> = {};
  for (const part of list(raw) ?? []) {
    const at = part.lastIndexOf(':');
    const width = Number(part.slice(at + 1));
    if (at > 0 && width >= narrowest && width <= widest) widths[part.slice(0, at)] = Math.round(width);
  }
  return Object.keys(widths).length > 0 ? widths : undefined;
}

/** Reads the state from an address; what makes no sense is left out. */
export function parseList(raw: Record<string, unknown>): ListState {
  return {
    q: text(raw.q),
    filter: parseQuery(raw.filter),
    sort: text(raw.sort),
    cols: list(raw.cols),
    widths: parseWidths(raw.w),
    group: text(raw.group),
    open: list(raw.open),
    view: text(raw.view),
  };
}

export function listSearch(state: ListState): ListSearch {
  const widths = Object.entries(state.widths ?? {}).map(([id, width]) => `${id}:${Math.round(width)}`);
  return {
    q: state.q,
    filter: state.filter,
    sort: state.sort,
    cols: state.cols?.join(','),
    w: widths.length > 0 ? widths.join(',') : undefined,
    group: state.group,
    open: state.group && state.open?.length ? state.open.join(',') : undefined,
    view: state.view,
  };
}

/** True when the list shows less than everything. */
export function isFiltered(state: ListState): boolean {
  return Boolean(state.q) || state.filter !== undefined;
}

export function clampWidth(width: number): number {
  return Math.min(widest, Math.max(narrowest, Math.round(width)));
}
