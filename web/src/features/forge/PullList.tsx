import { Button, Group, SegmentedControl } from '@mantine/core';
import { useInfiniteQuery } from '@tanstack/react-query';
import { t } from '~/strings';
import { tw } from '~/strings/work';
import { IconGitPullRequest } from '~/ui/icons';
import { EmptyState, ErrorState, Skeletons } from '~/ui/States';
import { PullRow } from './PullBits';
import { repositoryPullListQuery } from './queries';

/** The pull requests of one repository. */
export function PullList({
  repo,
  state,
  onState,
}: {
  repo: string;
  state: 'open' | 'merged' | 'closed';
  onState: (state: 'merged' | 'closed' | undefined) => void;
}) {
  const query = useInfiniteQuery(repositoryPullListQuery(repo, state));
  const pulls = query.data?.pages.flatMap((page) => page.pullRequests ?? []) ?? [];
  return (
    <>
      <Group gap="sm">
        <SegmentedControl
          size="sm"
          aria-label={tw.forge.which}
          value={state}
          onChange={(value) => onState(value === 'open' ? undefined : (value as 'merged' | 'closed'))}
          data={[
            { value: 'open', label: tw.forge.open },
            { value: 'merged', label: tw.forge.merged },
            { value: 'closed', label: tw.forge.closed },
          ]}
        />
      </Group>
      <div className="sph-card sph-divided">
        {query.isPending && <Skeletons />}
        {query.error && pulls.length === 0 && (
          <ErrorState error={query.error} retry={() => void query.refetch()} />
        )}
        {query.isSuccess && pulls.length === 0 && (
          <EmptyState icon={<IconGitPullRequest size={28} />} title={tw.forge.noPulls} />
        )}
        {pulls.map((pull) => (
          <PullRow key={pull.number} pull={pull} />
        ))}
        {query.hasNextPage && (
          <div style={{ padding: 12, textAlign: 'center' }}>
            <Button variant="subtle" size="compact-sm" onClick={() => void query.fetchNextPage()}>
              {t.common.more}
            </Button>
          </div>
        )}
      </div>
    </>
  );
}
