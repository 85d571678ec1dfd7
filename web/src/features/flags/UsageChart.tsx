import { Table } from '@mantine/core';
import { useId, useState } from 'react';
import { count } from '~/lib/format';
import { tf } from '~/strings/flags';
import css from './flags.module.css';

/** Counts of one variation, one number for each slot of time. */
export type Series = { name: string; values: number[] };

const width = 720;
const height = 132;

/** The bars of stacked counts: the first series stands at the bottom. */
export function stacked(series: Series[], slots: number): { name: string; from: number; to: number }[][] {
  return Array.from({ length: slots }, (_, slot) => {
    let sum = 0;
    return series.map(({ name, values }) => {
      const from = sum;
      sum += values[slot] ?? 0;
      return { name, from, to: sum };
    });
  });
}

/** Evaluations over time, stacked by variation, with a table of the same for those who do not see it. */
export function UsageChart({
  series,
  starts,
  timeOf,
  label,
}: {
  series: Series[];
  /** When each slot begins. */
  starts: string[];
  timeOf: (start: string) => string;
  label: string;
}) {
  const [asTable, setAsTable] = useState(false);
  const id = useId();
  const columns = stacked(series, starts.length);
  const top = Math.max(1, ...columns.map((bars) => bars.at(-1)?.to ?? 0));
  const slot = width / Math.max(1, starts.length);
  const total = (one: Series) => one.values.reduce((sum, value) => sum + value, 0);
  return (
    <figure className={css.chart} aria-labelledby={id}>
      <figcaption id={id} className={css.legend}>
        {series.map((one, i) => (
          <span key={one.name} className={css.legendItem}>
            <span className={css.swatch} data-series={i % 6} aria-hidden />
            {one.name} <span className="sph-muted num">{count(total(one))}</span>
          </span>
        ))}
        <button type="button" className={css.linkButton} onClick={() => setAsTable(!asTable)}>
          {asTable ? tf.usage.asChart : tf.usage.asTable}
        </button>
      </figcaption>
      {asTable ? (
        <div className={css.chartTable} tabIndex={0} role="region" aria-label={label}>
          <Table verticalSpacing={4} aria-label={label}>
            <Table.Thead>
              <Table.Tr>
                <Table.Th>{tf.usage.time}</Table.Th>
                {series.map((one) => (
                  <Table.Th key={one.name} ta="right">
                    {one.name}
                  </Table.Th>
                ))}
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {starts.map((start, i) => (
                <Table.Tr key={start}>
                  <Table.Td>{timeOf(start)}</Table.Td>
                  {series.map((one) => (
                    <Table.Td key={one.name} ta="right" className="num">
                      {count(one.values[i] ?? 0)}
                    </Table.Td>
                  ))}
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </div>
      ) : (
        <>
          <div className={css.chartTop} aria-hidden>
            {count(top)}
          </div>
          <svg
            viewBox={`0 0 ${width} ${height}`}
            preserveAspectRatio="none"
            role="img"
            aria-label={label}
            className={css.bars}
          >
            {columns.map((bars, i) =>
              bars.map(
                (bar, n) =>
                  bar.to > bar.from && (
                    <rect
                      key={bar.name}
                      x={i * slot + slot * 0.08}
                      width={slot * 0.84}
                      y={height - (bar.to / top) * height}
                      height={Math.max(1, ((bar.to - bar.from) / top) * height)}
                      data-series={n % 6}
                      className={css.bar}
                    >
                      <title>{`${timeOf(starts[i]!)}: ${bar.name} ${count(bar.to - bar.from)}`}</title>
                    </rect>
                  ),
              ),
            )}
          </svg>
          <div className={css.chartTimes} aria-hidden>
            {[0, 0.25, 0.5, 0.75, 1].map((part) => (
              <span key={part}>{timeOf(starts[Math.round(part * (starts.length - 1))] ?? '')}</span>
            ))}
          </div>
        </>
      )}
    </figure>
  );
}
