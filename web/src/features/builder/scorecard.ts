import { queryOptions } from '@tanstack/react-query';
import { call } from '~/api/client';

export type Condition = {
  property?: string;
  relation?: string;
  operator: string;
  value?: unknown;
  not?: boolean;
};
export type ConditionGroup = { combinator: 'and' | 'or'; conditions: Condition[] };
export type ScorecardRule = {
  identifier: string;
  title: string;
  description?: string;
  level: string;
  query: ConditionGroup;
};
export type Scorecard = {
  identifier: string;
  title: string;
  blueprint?: string;
  filter?: ConditionGroup;
  levels: { title: string; color: string }[];
  rules: ScorecardRule[];
};

export const defaultLevels = [
  { title: 'Basic', color: 'paleBlue' },
  { title: 'Bronze', color: 'bronze' },
  { title: 'Silver', color: 'silver' },
  { title: 'Gold', color: 'gold' },
];

export const operators = [
  '=',
  '!=',
  '>',
  '>=',
  '<',
  '<=',
  'isNotEmpty',
  'isEmpty',
  'contains',
  'doesNotContains',
  'beginsWith',
  'endsWith',
  'containsAny',
  'in',
];

/** Operators that compare with nothing. */
export const alone = (operator: string) => operator === 'isEmpty' || operator === 'isNotEmpty';

export const newScorecard = (): Scorecard => ({
  identifier: '',
  title: '',
  levels: defaultLevels,
  rules: [newRule(1)],
});

export const newRule = (n: number): ScorecardRule => ({
  identifier: `rule-${n}`,
  title: '',
  level: 'Bronze',
  query: { combinator: 'and', conditions: [{ property: '', operator: 'isNotEmpty' }] },
});

/** A value as it was typed: JSON where it is JSON of the expected kind, text otherwise. */
export function readValue(text: string, type: string | undefined): unknown {
  if (type === 'number' && text.trim() !== '' && !Number.isNaN(Number(text))) return Number(text);
  if (type === 'boolean' && (text === 'true' || text === 'false')) return text === 'true';
  if (/^\s*[[{]/.test(text)) {
    try {
      return JSON.parse(text) as unknown;
    } catch {
      return text;
    }
  }
  return text;
}

export const valueText = (value: unknown): string =>
  value === undefined || value === null ? '' : typeof value === 'string' ? value : JSON.stringify(value);

export const scorecardsQuery = (bp: string) =>
  queryOptions({
    queryKey: ['blueprint', bp, 'scorecards'],
    queryFn: async ({ signal }) =>
      (
        await call<{ scorecards: Scorecard[] }>('GET', '/v1/blueprints/{bp}/scorecards', {
          path: { bp },
          signal,
        })
      ).scorecards,
  });

export const saveScorecard = (bp: string, scorecard: Scorecard, id: string | undefined) =>
  id === undefined
    ? call<unknown>('POST', '/v1/blueprints/{bp}/scorecards', { path: { bp } }, scorecard)
    : call<unknown>('PUT', '/v1/blueprints/{bp}/scorecards/{id}', { path: { bp, id } }, scorecard);

export const deleteScorecard = (bp: string, id: string) =>
  call<unknown>('DELETE', '/v1/blueprints/{bp}/scorecards/{id}', { path: { bp, id } });
