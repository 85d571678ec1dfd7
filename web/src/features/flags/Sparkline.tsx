import css from './flags.module.css';

const width = 88;
const height = 22;

/** The points of a line through values, scaled into a box. */
export function sparkPoints(values: number[], w = width, h = height): string {
  const top = Math.max(...values, 1);
  const step = values.length > 1 ? w / (values.length - 1) : 0;
  return values
    .map((value, i) => `${(i * step).toFixed(1)},${(h - 1 - (value / top) * (h - 2)).toFixed(1)}`)
    .join(' ');
}

/** A small line of counts; the label says what it shows, for those who do not see it. */
export function Sparkline({ values, label }: { values: number[]; label: string }) {
  if (values.length === 0 || values.every((value) => value === 0)) return null;
  const points = sparkPoints(values);
  return (
    <svg className={css.spark} width={width} height={height} role="img" aria-label={label}>
      <title>{label}</title>
      <polyline points={`0,${height} ${points} ${width},${height}`} className={css.sparkArea} />
      <polyline points={points} className={css.sparkLine} />
    </svg>
  );
}
