// Shares are kept in thousandths of a percent, so that 0.1 % is a whole number.

/** All of it. */
export const whole = 100_000;
/** What the slider moves by: 0.1 %. */
export const step = 100;

const number = new Intl.NumberFormat('en', { maximumFractionDigits: 3 });

/** "12.5 %". */
export function percentText(thousandths: number): string {
  return `${number.format(thousandths / 1000)} %`;
}

/** Reads what somebody typed as a percentage; undefined when it is none. */
export function parsePercent(text: string): number | undefined {
  const value = Number(text.replace('%', '').replace(',', '.').trim());
  if (text.trim() === '' || !Number.isFinite(value) || value < 0 || value > 100) return undefined;
  return Math.round(value * 1000);
}

/**
 * Gives one share a new value and takes the difference from the others, in
 * proportion to what they have; the sum stays whole.
 */
export function withShare(shares: number[], index: number, value: number): number[] {
  const wanted = Math.max(0, Math.min(whole, Math.round(value)));
  const others = shares.reduce((sum, share, i) => (i === index ? sum : sum + share), 0);
  const left = whole - wanted;
  const next = shares.map((share, i) => {
    if (i === index) return wanted;
    if (others > 0) return Math.floor((share * left) / others);
    return Math.floor(left / Math.max(1, shares.length - 1));
  });
  const missing = whole - next.reduce((sum, share) => sum + share, 0);
  // What rounding left goes to the largest of the others; a single share stays as asked.
  const heir = next.reduce(
    (best, share, i) => (i !== index && (best < 0 || share > next[best]!) ? i : best),
    -1,
  );
  if (heir >= 0) next[heir] = next[heir]! + missing;
  return next;
}
