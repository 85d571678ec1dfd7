// Apart from what shows it, since the address is read before the page is loaded.

export type QueryRule = {
  property?: string;
  relation?: string;
  scorecard?: string;
  operator: string;
  value?: unknown;
  [more: string]: unknown;
};
export type QueryGroup = { combinator: 'and' | 'or'; rules: QueryNode[] };
export type QueryNode = QueryRule | QueryGroup;

const mostRules = 50;

export function isGroup(node: QueryNode): node is QueryGroup {
  return Array.isArray((node as QueryGroup).rules);
}

export function countRules(group: QueryGroup | undefined): number {
  return (group?.rules ?? []).reduce((n, node) => n + (isGroup(node) ? countRules(node) : 1), 0);
}

/** Reads a filter from an address, in today's form or as the list of rules it once was. */
export function parseQuery(raw: unknown): QueryGroup | undefined {
  const group = Array.isArray(raw) ? { combinator: 'and', rules: raw as unknown[] } : raw;
  const read = readGroup(group, 1);
  return read && countRules(read) > 0 && countRules(read) <= mostRules ? read : undefined;
}

function readGroup(raw: unknown, depth: number): QueryGroup | undefined {
  if (!raw || typeof raw !== 'object' || depth > 10) return undefined;
  const { combinator, rules } = raw as Partial<QueryGroup>;
  if (!Array.isArray(rules)) return undefined;
  const nodes = (rules as unknown[]).flatMap((node): QueryNode[] => {
    if (!node || typeof node !== 'object') return [];
    if (Array.isArray((node as QueryGroup).rules)) {
      const inner = readGroup(node, depth + 1);
      return inner && inner.rules.length > 0 ? [inner] : [];
    }
    return typeof (node as QueryRule).operator === 'string' ? [node as QueryRule] : [];
  });
  return { combinator: combinator === 'or' ? 'or' : 'and', rules: nodes };
}
