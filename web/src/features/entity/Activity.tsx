import { Anchor, Text } from '@mantine/core';
import { useInfiniteQuery } from '@tanstack/react-query';
import { EventLine } from '~/features/audit/EventLine';
import { timelineQuery } from '~/features/timeline/queries';
import { t } from '~/strings';
import { Section } from '~/ui/Section';
import { Skeletons } from '~/ui/States';

/** The last few things; nothing at all for those who may not read the audit log. */
export function RecentActivity({
  blueprint,
  id,
  onAll,
}: {
  blueprint: string;
  id: string;
  onAll: () => void;
}) {
  const query = useInfiniteQuery(timelineQuery(blueprint, id, {}, 6));
  const events = query.data?.pages[0]?.entries ?? [];
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
        <EventLine key={event.seq} event={event} withoutObject={event.object === event.entity} />
      ))}
    </Section>
  );
}
