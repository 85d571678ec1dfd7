import type { Blueprint } from '~/api/types';
import { humanise } from '~/lib/words';
import { tc } from '~/strings/catalog';
import { allFields, isEmpty, type Field } from './fields';
import { isGroup, type QueryGroup, type QueryNode, type QueryRule } from './queryTree';

export * from './queryTree';

// The server's search language, as far as the list's filter writes it. What it
// does not write but an address holds, such as a path, is kept and shown.

export const deepestGroup = 3;
const noValue = new Set(['isEmpty', 'isNotEmpty', 'isExpired', 'isNotExpired']);
const listValue = new Set(['in', 'notIn', 'containsAny']);
const spanValue = new Set(['between', 'notBetween']);

export type ValueKind = 'none' | 'list' | 'span' | 'one';

export function valueKind(operator: string): ValueKind {
  if (noValue.has(operator)) return 'none';
  if (listValue.has(operator)) return 'list';
  return spanValue.has(operator) ? 'span' : 'one';
}

const presence = ['isEmpty', 'isNotEmpty'];

/** The conditions that make sense for a field, the most usual first. */
export function operatorsFor(field: Field): string[] {
  const { type, format } = field.property;
  if (field.kind === 'relation') return ['in', 'notIn', ...presence];
  if (field.id === '$team') return ['in', 'notIn', ...presence];
  if (type === 'boolean') return ['=', '!=', ...presence];
  if (type === 'number')
    return [...(field.property.enum ? ['in', 'notIn'] : []), '=', '!=', '>', '>=', '<', '<=', ...presence];
  if (type === 'array') return ['containsAny', ...presence];
  if (type === 'object') return presence;
  if (format === 'timer') return ['isExpired', 'isNotExpired', 'between', ...presence];
  if (format === 'date-time') return ['between', 'notBetween', '>', '<', ...presence];
  if (field.property.enum) return ['in', 'notIn', ...presence];
  const text = ['contains', 'doesNotContains', '=', '!=', 'beginsWith', 'endsWith', 'in', 'notIn'];
  // A mirror can hold anything.
  return field.kind === 'mirror' ? [...text, '>', '<', ...presence] : [...text, ...presence];
}

/** The field a rule is about; undefined for rules made elsewhere. */
export function fieldOf(fields: Field[], rule: QueryRule): Field | undefined {
  if (rule.relation) return fields.find((field) => field.kind === 'relation' && field.id === rule.relation);
  return fields.find((field) => field.kind !== 'relation' && field.id === rule.property);
}

/** A new rule on a field. */
export function ruleOn(field: Field, operator = operatorsFor(field)[0]!, value?: unknown): QueryRule {
  return field.kind === 'relation'
    ? { relation: field.id, targetProperty: '$identifier', operator, value }
    : { property: field.id, operator, value };
}

export function isComplete(rule: QueryRule): boolean {
  if (!rule.property && !rule.relation && !rule.scorecard && rule.operator !== 'relatedTo') return false;
  const kind = valueKind(rule.operator);
  if (kind === 'none') return true;
  if (kind === 'span') {
    const span = (rule.value ?? {}) as { preset?: string; from?: string; to?: string };
    return Boolean(span.preset || span.from || span.to);
  }
  return typeof rule.value === 'boolean' || typeof rule.value === 'number' || !isEmpty(rule.value);
}

/** Without rules that are not finished and groups that are empty. */
export function finished(group: QueryGroup): QueryGroup {
  const rules = group.rules
    .map((node) => (isGroup(node) ? finished(node) : node))
    .filter((node) => (isGroup(node) ? node.rules.length > 0 : isComplete(node)));
  return { combinator: group.combinator, rules };
}

/** The values a quick filter on a field has, and the filter with others. */
export function quickValues(filter: QueryGroup | undefined, field: Field): unknown[] {
  const rule = filter?.combinator === 'and' ? filter.rules.find((node) => isQuick(node, field)) : undefined;
  const value = rule && (rule as QueryRule).value;
  return Array.isArray(value) ? value : value === undefined ? [] : [value];
}

export function withQuick(
  filter: QueryGroup | undefined,
  field: Field,
  values: unknown[],
): QueryGroup | undefined {
  // Beside "any of these" a further condition goes around all of it.
  const base: QueryGroup =
    !filter || filter.combinator === 'and'
      ? (filter ?? { combinator: 'and', rules: [] })
      : { combinator: 'and', rules: [filter] };
  const rest = base.rules.filter((node) => !isQuick(node, field));
  const operator = quickOperator(field);
  const rules =
    values.length > 0 ? [...rest, ruleOn(field, operator, operator === '=' ? values[0] : values)] : rest;
  return rules.length > 0 ? { combinator: 'and', rules } : undefined;
}

function quickOperator(field: Field): string {
  if (field.property.type === 'boolean') return '=';
  return field.property.type === 'array' && field.id !== '$team' ? 'containsAny' : 'in';
}

function isQuick(node: QueryNode, field: Field): boolean {
  if (isGroup(node)) return false;
  return fieldOf([field], node) !== undefined && node.operator === quickOperator(field);
}

/** Both hold. */
export function both(filter: QueryGroup | undefined, rule: QueryNode): QueryGroup {
  if (!filter) return { combinator: 'and', rules: [rule] };
  return filter.combinator === 'and'
    ? { combinator: 'and', rules: [...filter.rules, rule] }
    : { combinator: 'and', rules: [filter, rule] };
}

/** "Tier is one of 1, 2". */
export function ruleText(blueprint: Blueprint, rule: QueryRule): string {
  const field = fieldOf(allFields(blueprint), rule);
  const name = field?.title ?? humanise(rule.property ?? rule.relation ?? rule.scorecard ?? rule.operator);
  const operator = tc.list.operators[rule.operator] ?? rule.operator;
  return [name, operator, valueText(rule)].filter(Boolean).join(' ');
}

export function valueText(rule: QueryRule): string {
  const { value } = rule;
  if (valueKind(rule.operator) === 'none' || isEmpty(value)) return '';
  if (Array.isArray(value)) return value.map(String).join(', ');
  if (typeof value === 'object') {
    const span = value as { preset?: string; from?: string; to?: string; context?: string };
    if (span.preset) return tc.list.presets[span.preset] ?? span.preset;
    if (span.context) return span.context;
    return tc.list.span(span.from?.slice(0, 10) ?? '', span.to?.slice(0, 10) ?? '');
  }
  return String(value);
}
