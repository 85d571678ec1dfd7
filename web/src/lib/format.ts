const narrow = new Intl.RelativeTimeFormat('en', { numeric: 'auto', style: 'narrow' });
const number = new Intl.NumberFormat('en');
const absolute = new Intl.DateTimeFormat('en', { dateStyle: 'medium', timeStyle: 'long' });
const timeOfDay = new Intl.DateTimeFormat('en-GB', { timeStyle: 'medium' });
const percent = new Intl.NumberFormat('en', { style: 'percent', maximumFractionDigits: 0 });

/** "5 min. ago", "in 2 hr.". */
export function relative(at: string | number | Date, now = Date.now()): string {
  const seconds = (new Date(at).getTime() - now) / 1000;
  const size = Math.abs(seconds);
  if (size < 10) return 'just now';
  if (size < 60) return narrow.format(Math.round(seconds), 'second');
  if (size < 3600) return narrow.format(Math.round(seconds / 60), 'minute');
  if (size < 86_400) return narrow.format(Math.round(seconds / 3600), 'hour');
  if (size < 30 * 86_400) return narrow.format(Math.round(seconds / 86_400), 'day');
  if (size < 365 * 86_400) return narrow.format(Math.round(seconds / (30 * 86_400)), 'month');
  return narrow.format(Math.round(seconds / (365 * 86_400)), 'year');
}

/** The full date and time with its zone. */
export function fullTime(at: string | number | Date): string {
  return absolute.format(new Date(at));
}

/** "14:02:05", the time of day. */
export function clock(at: number): string {
  return timeOfDay.format(at);
}

/** "340 ms", "4.2 s", "3 min 05 s". */
export function duration(millis: number): string {
  if (millis < 1000) return `${Math.round(millis)} ms`;
  if (millis < 10_000) return `${(millis / 1000).toFixed(1)} s`;
  if (millis < 60_000) return `${Math.round(millis / 1000)} s`;
  const seconds = Math.round(millis / 1000);
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${String(seconds % 60).padStart(2, '0')} s`;
  return `${Math.floor(seconds / 3600)} h ${String(Math.floor((seconds % 3600) / 60)).padStart(2, '0')} min`;
}

export function count(value: number): string {
  return number.format(value);
}

export function share(value: number): string {
  return percent.format(value);
}

/** "1.4 kB"; kB = 1000 bytes. */
export function bytes(value: number): string {
  if (value < 1000) return `${value} B`;
  if (value < 1_000_000) return `${(value / 1000).toFixed(1)} kB`;
  return `${(value / 1_000_000).toFixed(1)} MB`;
}

/** The part of a commit hash that people read. */
export function shortSha(sha: string): string {
  return /^[0-9a-f]{40}$/.test(sha) ? sha.slice(0, 8) : sha;
}

/** "1 package", "2 packages". */
export function plural(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}
