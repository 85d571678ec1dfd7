import { useNow } from '~/lib/useNow';
import { tf } from '~/strings/flags';
import css from './flags.module.css';
import { whole } from './share';
import { momentText } from './time';

const width = 640;
const height = 64;
const inset = 8;

export type Point = { at: string; text: string; weight?: number };

/** Where each moment stands between the first and the last, with now among them. */
export function placed(points: Point[], now: number): { x: number[]; now: number } {
  const times = points.map((point) => Date.parse(point.at));
  const first = Math.min(now, ...times);
  const last = Math.max(now, ...times);
  const span = Math.max(1, last - first);
  const place = (time: number) => inset + ((time - first) / span) * (width - 2 * inset);
  return { x: times.map(place), now: place(now) };
}

/** What happens by itself, on a line of time; the list beside it says the same. */
export function Timeline({ points, linear, label }: { points: Point[]; linear?: boolean; label: string }) {
  const now = useNow();
  if (points.length === 0) return null;
  const place = placed(points, now);
  const y = (point: Point) =>
    point.weight === undefined ? height / 2 : height - 14 - (point.weight / whole) * (height - 26);
  const shares = points.every((point) => point.weight !== undefined);
  const line = points
    .map((point, i) => {
      const x = place.x[i]!;
      const before = i > 0 && !linear ? `${x},${y(points[i - 1]!)} ` : '';
      return `${before}${x},${y(point)}`;
    })
    .join(' ');
  const end = points.at(-1)!;
  return (
    <svg
      viewBox={`0 0 ${width} ${height}`}
      role="img"
      aria-label={`${label}: ${points.map((point) => `${momentText(point.at)} ${point.text}`).join(', ')}`}
      className={css.timeline}
    >
      <line x1={inset} x2={width - inset} y1={height - 12} y2={height - 12} className={css.axis} />
      <line x1={place.now} x2={place.now} y1={4} y2={height - 8} className={css.nowLine} />
      <text x={Math.min(place.now + 4, width - 34)} y={height - 1} className={css.axisText}>
        {tf.editor.now}
      </text>
      {shares && <polyline points={`${line} ${width - inset},${y(end)}`} className={css.sparkLine} />}
      {points.map((point, i) => (
        <g key={`${point.at} ${point.text}`}>
          <circle
            cx={place.x[i]}
            cy={shares ? y(point) : height - 12}
            r={4.5}
            className={Date.parse(point.at) <= now ? css.pointPast : css.point}
          >
            <title>{`${momentText(point.at)}: ${point.text}`}</title>
          </circle>
        </g>
      ))}
    </svg>
  );
}
