import { tf } from '~/strings/flags';
import { userKey, type Condition, type Rule, type Scheduled, type Serve, type Setting } from './model';
import { percentText } from './share';
import { momentText } from './time';

const w = tf.words;
const shownValues = 3;

/** "accounts" for accountId, "values of plan" for others. */
export function manyOf(attribute: string | undefined): string {
  const name = attribute || userKey;
  return w.plural[name] ?? w.values(name);
}

/** "the account" for accountId, the name itself for others. */
export function attributeText(attribute: string | undefined): string {
  const name = attribute || userKey;
  return w.attribute[name] ?? name;
}

export function valueText(value: unknown): string {
  if (typeof value === 'string') return w.quoted(value);
  return JSON.stringify(value) ?? '';
}

function valuesText(values: unknown[]): string {
  const shown = values.slice(0, shownValues).map(valueText);
  const hidden = values.length - shown.length;
  return w.list(hidden > 0 ? [...shown, w.more(hidden)] : shown, w.or);
}

/** The words of a comparison, e.g. "is one of" with several values. */
export function operatorText(condition: Pick<Condition, 'operator' | 'not'>, many = false): string {
  const words = tf.editor.operators[condition.operator];
  if (!words) return condition.operator;
  if (many) return condition.not ? words.notMany : words.many;
  return condition.not ? words.not : words.one;
}

export function conditionText(condition: Condition): string {
  if (condition.operator === 'segment') {
    const name = w.quoted(condition.segment ?? '');
    return condition.not ? w.notInSegment(name) : w.inSegment(name);
  }
  if (condition.operator === 'raw') return w.expression(JSON.stringify(condition.raw));
  const values = condition.operator === 'exists' ? [] : (condition.values ?? []);
  return w.condition(
    attributeText(condition.attribute),
    operatorText(condition, values.length > 1),
    valuesText(values),
  );
}

export function conditionsText(conditions: Condition[]): string {
  return w.list(conditions.map(conditionText), w.and);
}

/** What a serve gives: "on", or "25 % of accounts get on, the rest off". */
export function serveText(serve: Serve, fallback: string): string {
  if (serve.raw !== undefined && serve.raw !== null) return w.expression(JSON.stringify(serve.raw));
  if (!serve.weights?.length) return serve.variation || fallback || w.codeDefault;
  const parts = serve.weights.filter((each) => each.weight > 0);
  if (parts.length === 1) return w.everyoneWith(manyOf(serve.by), parts[0]!.variation);
  const texts = parts.map(({ variation, weight }, i) =>
    i === 0
      ? w.share(percentText(weight), manyOf(serve.by), variation)
      : w.also(percentText(weight), variation),
  );
  return w.list(texts, ', ');
}

/** What happens to those who lack the attribute of a share; empty when nothing is shared. */
export function guardText(serve: Serve, fallback: string): string {
  if (!serve.weights?.length) return '';
  return w.guard(attributeText(serve.by), serve.otherwise || fallback || w.codeDefault);
}

export function rampText(serve: Serve): string {
  const { ramp } = serve;
  const first = ramp?.steps[0];
  const last = ramp?.steps.at(-1);
  if (!ramp || !first || !last) return '';
  if (ramp.steps.length === 1)
    return w.rampOne(ramp.variation, percentText(first.weight), momentText(first.at));
  return w.ramp(
    ramp.variation,
    percentText(first.weight),
    percentText(last.weight),
    momentText(first.at),
    momentText(last.at),
  );
}

export function ruleText(rule: Rule, fallback: string): string {
  return w.if(conditionsText(rule.conditions), serveText(rule.serve, fallback));
}

/** What one moment of the schedule does. */
export function scheduledText(step: Scheduled, fallback: string): string {
  const parts: string[] = [];
  if (step.on === true) parts.push(w.turnOn);
  if (step.on === false) parts.push(w.turnOff);
  if (step.serve) parts.push(w.everybodyElse(serveText(step.serve, fallback)));
  return parts.join(', ');
}

/** A whole setting, a sentence a line, in the order in which it decides. */
export function settingText(setting: Setting): string[] {
  const lines: string[] = [];
  if (!setting.on) lines.push(w.off(setting.off || w.codeDefault));
  for (const one of setting.prerequisites) {
    lines.push(w.prerequisite(w.quoted(one.flag), w.list(one.variations, w.or)));
  }
  for (const one of setting.targets) {
    lines.push(w.target(attributeText(one.attribute), valuesText(one.values), one.variation));
  }
  for (const rule of setting.rules) {
    lines.push(ruleText(rule, setting.default));
    const ramp = rampText(rule.serve);
    if (ramp) lines.push(ramp);
  }
  lines.push(w.everybody(serveText(setting.serve, setting.default)));
  const ramp = rampText(setting.serve);
  if (ramp) lines.push(ramp);
  for (const step of [...setting.schedule].sort((a, b) => a.at.localeCompare(b.at))) {
    lines.push(w.step(momentText(step.at), scheduledText(step, setting.default)));
  }
  return lines;
}

/** What differs between two settings, in words: for the two sides of a conflict. */
export function differenceText(before: Setting, after: Setting): string[] {
  const was = new Set(settingText({ ...before, on: true }));
  const is = new Set(settingText({ ...after, on: true }));
  const lines: string[] = [];
  if (before.on !== after.on) lines.push(after.on ? w.diff.turnedOn : w.diff.turnedOff);
  if (before.off !== after.off) {
    lines.push(w.diff.off(before.off || w.codeDefault, after.off || w.codeDefault));
  }
  for (const line of is) if (!was.has(line)) lines.push(w.diff.added(line));
  for (const line of was) if (!is.has(line)) lines.push(w.diff.removed(line));
  const order = (setting: Setting) => setting.rules.map((rule) => ruleText(rule, setting.default));
  const kept = order(after).filter((line) => was.has(line));
  if (
    kept.join('\n') !==
    order(before)
      .filter((line) => is.has(line))
      .join('\n')
  )
    lines.push(w.diff.order);
  return lines;
}
