import { Anchor, Button, Group, Text } from '@mantine/core';
import { useInfiniteQuery } from '@tanstack/react-query';
import { auditQuery } from '~/api/queries';
import { EventLine } from '~/features/audit/EventLine';
import { t } from '~/strings';
import { IconHistory } from '~/ui/icons';
import { Section } from '~/ui/Section';
import { EmptyState, ErrorState, Skeletons } from '~/ui/States';

/** Everything that happened to an entity. */
export function Activity({ object }: { object: string }) {
  const query = useInfiniteQuery(auditQuery({ object }, 50));
  const events = query.data?.pages.flatMap((page) => page.events) ?? [];
  return (
    <Section title={t.entity.activity} flush>
      {query.isPending && <Skeletons />}
      {query.error && events.length === 0 && (
        <ErrorState error={query.error} retry={() => void query.refetch()} />
      )}
      {query.isSuccess && events.length === 0 && (
        <EmptyState icon={<IconHistory size={28} />} title={t.entity.noActivity} />
      )}
      {events.map((event) => (
        <EventLine key={event.seq} event={event} />
      ))}
      {query.hasNextPage && (
        <Group p="sm" justify="center">
          <Button
            variant="subtle"
            size="compact-sm"
            loading={query.isFetchingNextPage}
            onClick={() => void query.fetchNextPage()}
          >
            {t.common.more}
          </Button>
        </Group>
      )}
    </Section>
  );
}

/** The last few things; nothing at all for those who may not read the audit log. */
export function RecentActivity({ object, onAll }: { object: string; onAll: () => void }) {
  const query = useInfiniteQuery(auditQuery({ object }, 6));
  const events = query.data?.pages[0]?.events ?? [];
  if (query.error) return null;
  return (
    <Section
      title={t.entity.recentActivity}
      flush
      action={
        <Anchor component="button" type="button" size="sm" onClick={onAll}>
          {t.entity.allActivity}
        </Anchor>
      }
    >
      {query.isPending && <Skeletons rows={3} />}
      {query.isSuccess && events.length === 0 && (
        <Text size="sm" className="sph-muted" px="md" py="sm">
          {t.entity.noActivity}
        </Text>
      )}
      {events.slice(0, 6).map((event) => (
        <EventLine key={event.seq} event={event} withoutObject />
      ))}
    </Section>
  );
}
