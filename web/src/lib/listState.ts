import type { Rule } from '~/api/types';

/** The state of a list, all of it in the address. */
export type ListSearch = {
  /** Text that is looked for. */
  q?: string;
  filter?: Rule[];
  /** A column's sort key; a leading "-" sorts downwards. */
  sort?: string;
  /** The shown columns, separated by commas, when not the usual ones. */
  cols?: string;
};

const operators = ['=', '!=', 'contains', 'in', 'isEmpty', 'isNotEmpty', '>', '<', '>=', '<='];

function isRule(value: unknown): value is Rule {
  if (!value || typeof value !== 'object') return false;
  const rule = value as Partial<Rule>;
  return typeof rule.property === 'string' && operators.includes(rule.operator ?? '');
}

/** Reads the state from an address; what makes no sense is left out. */
export function parseListSearch(raw: Record<string, unknown>): ListSearch {
  const text = (value: unknown) => (value === undefined || value === '' ? undefined : String(value));
  const rules = Array.isArray(raw.filter) ? raw.filter.filter(isRule) : [];
  return {
    q: text(raw.q),
    filter: rules.length > 0 ? rules : undefined,
    sort: text(raw.sort),
    cols: text(raw.cols),
  };
}

export type Sort = { key: string; desc: boolean };

export function parseSort(sort: string | undefined): Sort | undefined {
  if (!sort) return undefined;
  return sort.startsWith('-') ? { key: sort.slice(1), desc: true } : { key: sort, desc: false };
}

/** A click on a column's head: up, down, then as it was. */
export function nextSort(current: string | undefined, key: string): string | undefined {
  if (current === key) return `-${key}`;
  if (current === `-${key}`) return undefined;
  return key;
}

/** True when the list shows less than everything. */
export function isFiltered(search: ListSearch): boolean {
  return Boolean(search.q) || (search.filter?.length ?? 0) > 0;
}
