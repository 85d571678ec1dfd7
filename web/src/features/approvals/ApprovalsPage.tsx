import { Button, Group, SegmentedControl, Text } from '@mantine/core';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { duration } from '~/lib/format';
import { ta } from '~/strings/approvals';
import { Pill, When } from '~/ui/bits';
import { IconChecklist } from '~/ui/icons';
import { ButtonLink, TextLink } from '~/ui/links';
import { PageHeader } from '~/ui/PageHeader';
import { EmptyState, ErrorState, Skeletons } from '~/ui/States';
import { Away } from './Away';
import { Marks, Progress } from './parts';
import { approvalsQuery, timesQuery, views, type Approval, type View } from './queries';

/** What waits for a decision, and what was decided. */
export function ApprovalsPage({ view, onView }: { view: View; onView: (view: View) => void }) {
  const query = useInfiniteQuery(approvalsQuery(view));
  const times = useQuery(timesQuery).data;
  const list = query.data?.pages.flatMap((page) => page.approvals) ?? [];
  const waiting = useInfiniteQuery(approvalsQuery('waiting')).data?.pages;
  const waits = waiting?.reduce((n, page) => n + page.approvals.length, 0) ?? 0;
  const more = waiting?.at(-1)?.next ? '+' : '';
  const count = (of: View) => (of === 'waiting' && waits > 0 ? ` (${waits}${more})` : '');
  return (
    <div className="sph-page">
      <PageHeader
        title={ta.approvals.title}
        description={ta.approvals.description}
        actions={
          <ButtonLink to="/approvals/rules" variant="default">
            {ta.approvals.rulesLink}
          </ButtonLink>
        }
      />
      <Group justify="space-between" gap="xs">
        <SegmentedControl
          size="sm"
          aria-label={ta.approvals.viewLabel}
          value={view}
          onChange={(value) => onView(value as View)}
          data={views.map((value) => ({ value, label: ta.approvals.views[value]! + count(value) }))}
        />
        {times && times.decided > 0 && (
          <Text size="sm" className="sph-muted">
            {ta.approvals.times(duration(times.medianMillis), times.open)}
          </Text>
        )}
      </Group>
      <div className="sph-card">
        {query.isPending && <Skeletons />}
        {query.error && !query.data && <ErrorState error={query.error} retry={() => void query.refetch()} />}
        {query.isSuccess && list.length === 0 && (
          <EmptyState
            icon={<IconChecklist size={28} />}
            title={ta.approvals.none[view]!}
            text={ta.approvals.noneText[view]}
          />
        )}
        {list.length > 0 && (
          <div className="sph-divided">
            {list.map((approval) => (
              <Row key={approval.id} approval={approval} />
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
          {ta.approvals.more}
        </Button>
      )}
      <Away />
    </div>
  );
}

function Row({ approval }: { approval: Approval }) {
  return (
    <Group justify="space-between" gap="sm" px="md" py="sm" wrap="wrap">
      <div style={{ minWidth: 0, flex: '1 1 280px' }}>
        <Text size="sm" fw={550} component="div" style={{ overflowWrap: 'anywhere' }}>
          {approval.kind !== 'run' && <Pill tone="info">{ta.approvals.kinds[approval.kind]}</Pill>}{' '}
          <TextLink to="/approvals/$id" params={{ id: approval.id }}>
            {approval.title}
          </TextLink>
        </Text>
        <Text size="sm" className="sph-muted" component="div">
          {ta.approvals.by(approval.requester.name || approval.requester.id)} ·{' '}
          <When at={approval.createdAt} /> · <Progress approval={approval} />
        </Text>
      </div>
      <Marks approval={approval} />
      <ButtonLink to="/approvals/$id" params={{ id: approval.id }} size="compact-sm" variant="light">
        {ta.approvals.review}
      </ButtonLink>
    </Group>
  );
}
