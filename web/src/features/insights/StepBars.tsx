import { Text } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import type { FirstAnswer } from '~/api/types';
import { duration } from '~/lib/format';
import { humanise } from '~/lib/words';
import { tw } from '~/strings/work';
import css from './StepBars.module.css';
import { stepsOf } from './parts';

// The steps that take longest have a colour of their own; the rest are "other".
const colours = 6;

/** One bar per run, made of its steps. The tables beside it say the same in figures. */
export function StepBars({ rows }: { rows: FirstAnswer['last'] }) {
  const longest = Math.max(1, ...rows.map((row) => row.millis));
  const named = stepsOf(rows).slice(0, colours);
  return (
    <div>
      <div className={css.legend} aria-hidden>
        {named.map((step, i) => (
          <span key={step} className={css.key}>
            <i className={css.swatch} data-step={i} />
            {humanise(step)}
          </span>
        ))}
        <span className={css.key}>
          <i className={css.swatch} />
          {tw.insights.other}
        </span>
      </div>
      <ul className={css.rows}>
        {rows.map((row) => (
          <li key={row.runId} className={css.row}>
            <Text size="sm" truncate>
              <Link to="/runs/$id" params={{ id: row.runId }}>
                {row.subject}
              </Link>
            </Text>
            <div className={css.track} aria-hidden>
              <Bar row={row} named={named} longest={longest} />
            </div>
            <Text size="sm" className="num" ta="right">
              {duration(row.millis)}
            </Text>
          </li>
        ))}
      </ul>
    </div>
  );
}

function Bar({
  row,
  named,
  longest,
}: {
  row: FirstAnswer['last'][number];
  named: string[];
  longest: number;
}) {
  const parts = named
    .map((step, i) => ({ step, i, millis: row.parts?.[step] ?? 0 }))
    .filter((part) => part.millis > 0);
  const rest = Math.max(0, row.millis - parts.reduce((sum, part) => sum + part.millis, 0));
  const width = (millis: number) => `${(100 * millis) / longest}%`;
  return (
    <>
      {parts.map((part) => (
        <span
          key={part.step}
          className={css.part}
          data-step={part.i}
          style={{ width: width(part.millis) }}
          title={`${humanise(part.step)}: ${duration(part.millis)}`}
        />
      ))}
      <span
        className={css.part}
        style={{ width: width(rest) }}
        title={`${tw.insights.other}: ${duration(rest)}`}
      />
    </>
  );
}
