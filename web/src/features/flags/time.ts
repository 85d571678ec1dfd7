// Times in fields are local; the API has them in UTC.

const pad = (value: number) => String(value).padStart(2, '0');

/** "2026-11-23T14:05", as a field of the browser takes it. */
export function fieldTime(at: string | Date): string {
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return '';
  return `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}T${pad(date.getHours())}:${pad(date.getMinutes())}`;
}

const moment = new Intl.DateTimeFormat('en', { dateStyle: 'medium', timeStyle: 'short', hourCycle: 'h23' });

/** "Nov 23, 2026, 14:05", in the reader's own time. */
export function momentText(at: string | Date): string {
  return moment.format(new Date(at));
}

/** Reads such a field; undefined when it is no time. */
export function parseFieldTime(text: string): string | undefined {
  const date = new Date(text);
  return text && !Number.isNaN(date.getTime()) ? date.toISOString() : undefined;
}

/** A moment some hours from another, at a full minute. */
export function hoursFrom(at: number, hours: number): string {
  const minute = 60_000;
  return new Date(Math.ceil(at / minute) * minute + hours * 3_600_000).toISOString();
}

/** The share of a ramp at a moment; undefined before its first step. */
export function rampAt(
  ramp: { steps: { at: string; weight: number }[]; linear?: boolean },
  now: number,
): number | undefined {
  const steps = ramp.steps.map((each) => ({ at: Date.parse(each.at), weight: each.weight }));
  const next = steps.findIndex((each) => each.at > now);
  if (next === 0 || steps.length === 0) return undefined;
  const before = steps[(next < 0 ? steps.length : next) - 1]!;
  if (next < 0 || !ramp.linear) return before.weight;
  const after = steps[next]!;
  return Math.round(
    before.weight + ((after.weight - before.weight) * (now - before.at)) / (after.at - before.at),
  );
}
