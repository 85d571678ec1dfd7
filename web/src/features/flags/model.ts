// The parts of a flag as the editor works with them; see the API's document.

export type Scalar = string | number | boolean;

export type Variation = { name: string; value: unknown; description?: string };
export type Weight = { variation: string; weight: number };
export type Ramp = { variation: string; steps: { at: string; weight: number }[]; linear?: boolean };

/** One variation, or a share of each by the value of an attribute, or an expression. */
export type Serve = {
  variation?: string;
  by?: string;
  weights?: Weight[];
  otherwise?: string;
  ramp?: Ramp;
  raw?: unknown;
};

export const operators = [
  'is',
  'contains',
  'startsWith',
  'endsWith',
  'greater',
  'atLeast',
  'less',
  'atMost',
  'exists',
  'version',
  'after',
  'before',
] as const;
export type Operator = (typeof operators)[number] | 'segment' | 'raw';

export type Condition = {
  attribute?: string;
  operator: Operator;
  values?: unknown[];
  segment?: string;
  not?: boolean;
  raw?: unknown;
};

export type Rule = { id?: string; name?: string; conditions: Condition[]; serve: Serve };
export type Target = { variation: string; attribute?: string; values: string[] };
export type Prerequisite = { flag: string; variations: string[] };
export type Scheduled = { at: string; on?: boolean; serve?: Serve; note?: string };

/** What a flag does in one environment; the parts that people change. */
export type Setting = {
  on: boolean;
  off: string;
  default: string;
  prerequisites: Prerequisite[];
  targets: Target[];
  rules: Rule[];
  serve: Serve;
  schedule: Scheduled[];
};

export const settingKeys = [
  'on',
  'off',
  'default',
  'prerequisites',
  'targets',
  'rules',
  'serve',
  'schedule',
] as const;

/** Only the parts that people change, from a setting with its state. */
export function settingOf(from: Setting): Setting {
  return {
    on: from.on,
    off: from.off,
    default: from.default,
    prerequisites: from.prerequisites ?? [],
    targets: from.targets ?? [],
    rules: from.rules ?? [],
    serve: from.serve ?? {},
    schedule: from.schedule ?? [],
  };
}

export type Patch = Partial<Setting>;

const text = (value: unknown) => JSON.stringify(value ?? null);

/** The parts of a setting that differ, as the server takes them. */
export function patchOf(before: Setting, after: Setting): Patch {
  const patch: Record<string, unknown> = {};
  for (const key of settingKeys) {
    if (text(before[key]) !== text(after[key])) patch[key] = after[key];
  }
  return patch as Patch;
}

/** How many parts differ. */
export function changedParts(before: Setting, after: Setting): number {
  return Object.keys(patchOf(before, after)).length;
}

/** The attribute that shares and names go by when none is said. */
export const userKey = 'targetingKey';

export function newRule(variation: string): Rule {
  return {
    id: `r-${Math.random().toString(36).slice(2, 10)}`,
    conditions: [{ attribute: 'accountId', operator: 'is', values: [] }],
    serve: { variation },
  };
}

/** What a serve gives, as weights: one variation is all of it. */
export function sharesOf(serve: Serve, fallback: string, variations: string[], whole: number): Weight[] {
  if (serve.weights?.length) return serve.weights;
  const only = serve.variation || fallback;
  return variations.map((variation) => ({ variation, weight: variation === only ? whole : 0 }));
}

/** What is wrong with a setting that the server would refuse, by the place of it. */
export function problemsOf(
  setting: Setting,
  whole: number,
): Map<string, 'sum' | 'attribute' | 'values' | 'segment'> {
  const found = new Map<string, 'sum' | 'attribute' | 'values' | 'segment'>();
  const serve = (place: string, one: Serve) => {
    if (!one.weights?.length) return;
    if (one.weights.reduce((sum, each) => sum + each.weight, 0) !== whole) found.set(place, 'sum');
  };
  setting.rules.forEach((rule, i) => {
    serve(`rules.${i}`, rule.serve);
    rule.conditions.forEach((condition, n) => {
      const problem = conditionProblem(condition);
      if (problem) found.set(`rules.${i}.${n}`, problem);
    });
  });
  serve('serve', setting.serve);
  return found;
}

export function conditionProblem(condition: Condition): 'attribute' | 'values' | 'segment' | undefined {
  if (condition.operator === 'raw') return undefined;
  if (condition.operator === 'segment') return condition.segment ? undefined : 'segment';
  if (!condition.attribute?.trim()) return 'attribute';
  if (condition.operator !== 'exists' && !condition.values?.length) return 'values';
  return undefined;
}
