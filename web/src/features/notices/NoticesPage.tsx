import { Button, Group, SegmentedControl, Text } from '@mantine/core';
import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api } from '~/api/client';
import { meQuery } from '~/api/queries';
import { PortalLink } from '~/features/run/PortalLink';
import { tn } from '~/strings/notices';
import { Pill, When } from '~/ui/bits';
import { IconBell } from '~/ui/icons';
import { ButtonLink } from '~/ui/links';
import { PageHeader } from '~/ui/PageHeader';
import { EmptyState, ErrorState, Skeletons } from '~/ui/States';
import { toastError } from '~/ui/toast';
import { PreferencesForm } from './PreferencesForm';
import { noticesQuery, type Notice } from './queries';

/** What the portal has told this person, and how it does. */
export function NoticesPage() {
  const queryClient = useQueryClient();
  const [unread, setUnread] = useState(false);
  const query = useInfiniteQuery(noticesQuery(unread));
  const admin = useQuery(meQuery).data?.user.roles.includes('administrator');
  const read = useMutation({
    mutationFn: (ids: string[]) => api.post('/v1/notices/read', {}, { ids }),
    onSuccess: () => void queryClient.invalidateQueries({ queryKey: ['notice'] }),
    onError: (error) => toastError(error),
  });
  const list = query.data?.pages.flatMap((page) => page.notices) ?? [];
  const waiting = query.data?.pages[0]?.unread ?? 0;
  return (
    <div className="sph-page">
      <PageHeader
        title={tn.notices.title}
        description={tn.notices.description}
        actions={
          admin && (
            <ButtonLink to="/notices/channels" variant="default">
              {tn.notices.channelsLink}
            </ButtonLink>
          )
        }
      />
      <Group justify="space-between" gap="xs">
        <SegmentedControl
          size="sm"
          aria-label={tn.notices.which}
          value={unread ? 'unread' : 'all'}
          onChange={(value) => setUnread(value === 'unread')}
          data={[
            { value: 'all', label: tn.notices.all },
            { value: 'unread', label: `${tn.notices.unread} (${waiting})` },
          ]}
        />
        <Button
          variant="default"
          size="compact-sm"
          disabled={waiting === 0}
          loading={read.isPending}
          onClick={() => read.mutate([])}
        >
          {tn.notices.readAll}
        </Button>
      </Group>
      <div className="sph-card">
        {query.isPending && <Skeletons />}
        {query.error && !query.data && <ErrorState error={query.error} retry={() => void query.refetch()} />}
        {query.isSuccess && list.length === 0 && (
          <EmptyState icon={<IconBell size={28} />} title={tn.notices.none} text={tn.notices.noneText} />
        )}
        {list.length > 0 && (
          <div className="sph-divided">
            {list.map((notice) => (
              <Row key={notice.id} notice={notice} onRead={() => read.mutate([notice.id])} />
            ))}
          </div>
        )}
      </div>
      {query.hasNextPage && (
        <Button
          variant="default"
          loading={query.isFetchingNextPage}
          onClick={() => void query.fetchNextPage()}
          style={{ alignSelf: 'center' }}
        >
          {tn.notices.more}
        </Button>
      )}
      <PreferencesForm />
    </div>
  );
}

function Row({ notice, onRead }: { notice: Notice; onRead: () => void }) {
  return (
    <Group justify="space-between" gap="sm" px="md" py="sm">
      <div style={{ minWidth: 0, flex: '1 1 280px' }}>
        <Group gap={6}>
          <Text size="sm" fw={notice.read ? 400 : 600} style={{ overflowWrap: 'anywhere' }}>
            {notice.title}
          </Text>
          {!notice.read && <Pill tone="info">{tn.notices.isNew}</Pill>}
          {notice.urgent && <Pill tone="bad">{tn.notices.urgent}</Pill>}
        </Group>
        {notice.text && (
          <Text size="sm" className="sph-muted" style={{ whiteSpace: 'pre-line', overflowWrap: 'anywhere' }}>
            {notice.text}
          </Text>
        )}
        <Text size="xs" className="sph-muted" component="div">
          <When at={notice.at} />
        </Text>
      </div>
      {notice.url && (
        <Text size="sm" component="span" onClick={onRead}>
          <PortalLink to={notice.url}>{tn.notices.open}</PortalLink>
        </Text>
      )}
    </Group>
  );
}
