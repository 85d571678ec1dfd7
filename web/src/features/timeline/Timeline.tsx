import { Button, Group, Text, TextInput } from '@mantine/core';
import { useInfiniteQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useEffect, useState } from 'react';
import { DetailButton } from '~/features/audit/DetailButton';
import { ObjectLink, Outcome, verbText } from '~/features/audit/EventLine';
import { t } from '~/strings';
import { ta } from '~/strings/audit';
import { Pill, When } from '~/ui/bits';
import { IconHistory } from '~/ui/icons';
import { TextFilter } from '~/ui/ListToolbar';
import { Section } from '~/ui/Section';
import { EmptyState, ErrorState, Skeletons } from '~/ui/States';
import { byDay, changedFields, place, type TimelineEntry } from './entries';
import { kinds, timelineQuery, type TimelineFilter } from './queries';

/** So many short pages in a row are looked through by themselves. */
const lookBack = 20;

/** What changed about an entity: its versions, runs, deployments, code, flags and more. */
export function Timeline({ blueprint, id }: { blueprint: string; id: string }) {
  const [filter, setFilter] = useState<TimelineFilter>({});
  const query = useInfiniteQuery(timelineQuery(blueprint, id, filter));
  const entries = query.data?.pages.flatMap((page) => page.entries) ?? [];
  const denied = query.data?.pages[0]?.denied ?? false;
  const filtered = Boolean(filter.kinds?.length || filter.actor || filter.since || filter.until);
  const { hasNextPage, isFetchingNextPage, fetchNextPage } = query;
  const pages = query.data?.pages.length ?? 0;
  const looking = hasNextPage && entries.length < 20 && pages > 0 && pages < lookBack;
  useEffect(() => {
    if (looking && !isFetchingNextPage) void fetchNextPage();
  }, [looking, isFetchingNextPage, fetchNextPage]);
  return (
    <Section title={ta.timeline.title} flush>
      <Filters filter={filter} setFilter={setFilter} denied={denied} />
      {query.isPending && <Skeletons />}
      {query.error && entries.length === 0 && (
        <ErrorState error={query.error} retry={() => void query.refetch()} />
      )}
      {query.isSuccess && entries.length === 0 && !hasNextPage && (
        <EmptyState
          icon={<IconHistory size={28} />}
          title={filtered ? ta.timeline.emptyFiltered : ta.timeline.empty}
          action={
            filtered && (
              <Button variant="default" size="sm" onClick={() => setFilter({})}>
                {ta.timeline.clear}
              </Button>
            )
          }
        />
      )}
      {byDay(entries).map(({ day, entries: ofDay }) => (
        <section key={day} aria-label={day}>
          <Text size="xs" fw={600} className="sph-muted" px="md" pt="sm" pb={4} component="h3">
            {day}
          </Text>
          {ofDay.map((entry) => (
            <Entry key={entry.seq} entry={entry} />
          ))}
        </section>
      ))}
      {hasNextPage && (
        <Group p="sm" justify="center">
          <Button
            variant="subtle"
            size="compact-sm"
            loading={isFetchingNextPage}
            onClick={() => void fetchNextPage()}
          >
            {t.common.more}
          </Button>
        </Group>
      )}
    </Section>
  );
}

function Filters({
  filter,
  setFilter,
  denied,
}: {
  filter: TimelineFilter;
  setFilter: (filter: TimelineFilter) => void;
  denied: boolean;
}) {
  const shown = kinds.filter((kind) => kind !== 'denied' || denied);
  const chosen = filter.kinds ?? [];
  return (
    <Group gap="xs" p="sm" role="group" aria-label={ta.timeline.filter}>
      <Group gap={6}>
        {shown.map((kind) => {
          const on = chosen.includes(kind);
          return (
            <Button
              key={kind}
              size="compact-sm"
              variant={on ? 'light' : 'default'}
              aria-pressed={on}
              onClick={() =>
                setFilter({
                  ...filter,
                  kinds: on ? chosen.filter((each) => each !== kind) : [...chosen, kind],
                })
              }
            >
              {ta.timeline.kinds[kind]}
            </Button>
          );
        })}
      </Group>
      <TextFilter
        label={ta.timeline.who}
        value={filter.actor}
        onChange={(actor) => setFilter({ ...filter, actor })}
      />
      <TextInput
        type="datetime-local"
        size="sm"
        aria-label={ta.timeline.since}
        leftSection={<span className="sph-muted">{ta.timeline.since}</span>}
        leftSectionWidth={52}
        w={{ base: '100%', sm: 215 }}
        value={filter.since ?? ''}
        onChange={(event) => setFilter({ ...filter, since: event.currentTarget.value || undefined })}
      />
    </Group>
  );
}

function Entry({ entry }: { entry: TimelineEntry }) {
  const { names, more } = changedFields(entry);
  const where = place(entry);
  const own = entry.object === entry.entity;
  return (
    <div className="sph-row sph-line">
      <Text size="sm" className="sph-line-text sph-prose" component="div">
        <Pill tone={entry.kind === 'denied' ? 'warn' : 'mute'}>
          {ta.timeline.kinds[entry.kind] ?? entry.kind}
        </Pill>{' '}
        <DetailButton event={entry}>{verbText(entry.verb)}</DetailButton>
        {!own && (
          <>
            {' '}
            <ObjectLink object={entry.object} />
          </>
        )}
        {names.length > 0 && (
          <span className="sph-muted">
            {' '}
            {ta.timeline.fields(names.join(', '))} {more > 0 && ta.timeline.moreFields(more)}
          </span>
        )}
        {where && <span className="sph-muted"> {where}</span>}
        {entry.runId && entry.object !== `run/${entry.runId}` && (
          <>
            {' '}
            <Link to="/runs/$id" params={{ id: entry.runId }} className="mono">
              {entry.runId.slice(-8)}
            </Link>
          </>
        )}
        {entry.outcome !== 'success' && (
          <>
            {' '}
            <Outcome outcome={entry.outcome} />
          </>
        )}
      </Text>
      <Text size="xs" className="sph-muted">
        {entry.actorName || entry.actor} · <When at={entry.at} />
      </Text>
    </div>
  );
}
