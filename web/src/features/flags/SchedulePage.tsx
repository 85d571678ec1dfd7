import { Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { fullTime, plural } from '~/lib/format';
import { tf } from '~/strings/flags';
import { When } from '~/ui/bits';
import { IconClock } from '~/ui/icons';
import { EmptyState, ErrorState, Skeletons } from '~/ui/States';
import css from './flags.module.css';
import { FlagsFrame } from './FlagsFrame';
import { scheduleQuery } from './queries';
import type { ScheduleEntry } from './types';

const e = tf.schedule;
const dayName = new Intl.DateTimeFormat('en', {
  weekday: 'long',
  day: 'numeric',
  month: 'long',
  year: 'numeric',
});

/** The entries of each day, in order of time. */
export function byDay(entries: ScheduleEntry[]): [string, ScheduleEntry[]][] {
  const days = new Map<string, ScheduleEntry[]>();
  for (const entry of [...entries].sort((a, b) => a.at.localeCompare(b.at))) {
    const day = dayName.format(new Date(entry.at));
    days.set(day, [...(days.get(day) ?? []), entry]);
  }
  return [...days];
}

/** What flags will do by themselves, over all services. */
export function SchedulePage() {
  const query = useQuery(scheduleQuery);
  return (
    <FlagsFrame title={e.title} description={e.description}>
      {query.isPending && (
        <div className="sph-card">
          <Skeletons rows={5} />
        </div>
      )}
      {query.error && !query.data && (
        <div className="sph-card">
          <ErrorState error={query.error} retry={() => void query.refetch()} />
        </div>
      )}
      {query.data?.length === 0 && (
        <div className="sph-card">
          <EmptyState icon={<IconClock size={32} />} title={e.none} text={e.noneText} />
        </div>
      )}
      {query.data && query.data.length > 0 && (
        <Text size="sm" className="sph-muted" aria-live="polite">
          {plural(query.data.length, 'change')}
        </Text>
      )}
      {byDay(query.data ?? []).map(([day, entries]) => (
        <section key={day} className="sph-card" aria-label={day}>
          <h2 className={css.day}>{day}</h2>
          <ul className={css.agenda}>
            {entries.map((entry) => (
              <li key={`${entry.at} ${entry.project} ${entry.flag} ${entry.environment} ${entry.what}`}>
                <time dateTime={entry.at} title={fullTime(entry.at)} className={`num ${css.agendaTime}`}>
                  {new Date(entry.at).toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit' })}
                </time>
                <div className={css.grow}>
                  <Link
                    to="/flags/$project/$key"
                    params={{ project: entry.project, key: entry.flag }}
                    search={{ env: entry.environment, tab: 'schedule' }}
                  >
                    {entry.flag}
                  </Link>{' '}
                  <span className="sph-muted">
                    {entry.project} · {entry.environment} · <When at={entry.at} />
                  </span>
                  <Text size="sm">{entry.what}</Text>
                  {(entry.note || entry.byName) && (
                    <Text size="xs" className="sph-muted">
                      {[entry.note, entry.byName].filter(Boolean).join(' · ')}
                    </Text>
                  )}
                </div>
              </li>
            ))}
          </ul>
        </section>
      ))}
    </FlagsFrame>
  );
}
