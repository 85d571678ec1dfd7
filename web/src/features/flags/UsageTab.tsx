import { SegmentedControl, Table, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { count } from '~/lib/format';
import { tf } from '~/strings/flags';
import { When } from '~/ui/bits';
import { IconChartBar } from '~/ui/icons';
import { Section } from '~/ui/Section';
import { EmptyState, ErrorState, Skeletons } from '~/ui/States';
import css from './flags.module.css';
import { usageQuery } from './queries';
import type { Flag, FlagEnvironment, Usage } from './types';
import { UsageChart, type Series } from './UsageChart';

const e = tf.usage;
const mostSlots = 72;

/** The counts of a usage in slots of time, a series for each variation; in the order of the flag. */
export function seriesOf(usage: Usage, order: string[]): { starts: string[]; series: Series[] } {
  const begin = Date.parse(usage.from);
  const span = Math.max(1, Date.parse(usage.to) - begin);
  const step = Math.ceil(span / mostSlots / (usage.step * 1000)) * usage.step * 1000;
  const slots = Math.floor(span / step) + 1;
  const starts = Array.from({ length: slots }, (_, i) => new Date(begin + i * step).toISOString());
  const byName = new Map<string, number[]>();
  for (const point of usage.points) {
    const name = point.variation || e.defaultValue;
    const values = byName.get(name) ?? new Array<number>(slots).fill(0);
    const slot = Math.min(slots - 1, Math.max(0, Math.floor((Date.parse(point.at) - begin) / step)));
    values[slot] = values[slot]! + point.count;
    byName.set(name, values);
  }
  const names = [...new Set([...order.filter((name) => byName.has(name)), ...byName.keys()])];
  return { starts, series: names.map((name) => ({ name, values: byName.get(name)! })) };
}

/** How often each outcome of a kind came. */
export function countBy(usage: Usage, of: 'reason' | 'variation'): [string, number][] {
  const sums = new Map<string, number>();
  for (const point of usage.points) sums.set(point[of], (sums.get(point[of]) ?? 0) + point.count);
  return [...sums].sort((a, b) => b[1] - a[1]);
}

const time = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' });
const day = new Intl.DateTimeFormat('en-GB', { weekday: 'short', hour: '2-digit', minute: '2-digit' });

/** Who asked for a flag, and what they got. New counts come with the event stream. */
export function UsageTab({ flag, environment }: { flag: Flag; environment: FlagEnvironment }) {
  const [hours, setHours] = useState(24);
  const name = environment.environment;
  const query = useQuery(usageQuery(flag.project, flag.key, name, hours));
  const usage = query.data;
  const chart = useMemo(
    () =>
      usage &&
      seriesOf(
        usage,
        flag.variations.map((variation) => variation.name),
      ),
    [usage, flag.variations],
  );
  return (
    <div className={css.stack}>
      <Section
        title={e.title}
        description={
          usage && (
            <>
              {e.last}{' '}
              {usage.lastEvaluated && !usage.lastEvaluated.startsWith('0001') ? (
                <When at={usage.lastEvaluated} />
              ) : (
                e.never
              )}
            </>
          )
        }
        action={
          <SegmentedControl
            size="xs"
            aria-label={e.range}
            value={String(hours)}
            onChange={(value) => setHours(Number(value))}
            data={Object.entries(e.ranges).map(([value, label]) => ({ value, label }))}
          />
        }
      >
        {query.isPending && <Skeletons rows={4} />}
        {query.error && !usage && <ErrorState error={query.error} retry={() => void query.refetch()} />}
        {usage && usage.total === 0 && (
          <EmptyState icon={<IconChartBar size={28} />} title={e.none} text={e.noneText} />
        )}
        {usage && chart && usage.total > 0 && (
          <UsageChart
            {...chart}
            timeOf={(start) => (hours > 24 ? day : time).format(new Date(start))}
            label={e.label(flag.key, name)}
          />
        )}
      </Section>
      {usage && usage.total > 0 && (
        <div className={css.halves}>
          <Counts
            title={e.byService}
            head={e.service}
            rows={usage.clients.map((each) => [each.client, each.count])}
          />
          <Counts
            title={e.byReason}
            head={e.reason}
            rows={countBy(usage, 'reason').map(([reason, n]) => [e.reasons[reason] ?? reason, n])}
          />
        </div>
      )}
      {usage && usage.total > 0 && (
        <Text size="xs" className="sph-muted">
          {e.noneText}
        </Text>
      )}
    </div>
  );
}

function Counts({ title, head, rows }: { title: string; head: string; rows: [string, number][] }) {
  return (
    <Section title={title} flush>
      <Table verticalSpacing={6} horizontalSpacing="md" aria-label={title}>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>{head}</Table.Th>
            <Table.Th ta="right">{e.count}</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {rows.map(([name, n]) => (
            <Table.Tr key={name}>
              <Table.Td style={{ overflowWrap: 'anywhere' }}>{name}</Table.Td>
              <Table.Td ta="right" className="num">
                {count(n)}
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Section>
  );
}
