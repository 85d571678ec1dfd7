import { Button, Code, Group, Popover, Tabs, Text } from '@mantine/core';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { repositoryQuery } from '~/api/services';
import type { Repository } from '~/api/types';
import { t } from '~/strings';
import { tw } from '~/strings/work';
import { CopyButton, Pill } from '~/ui/bits';
import { IconChevronDown, IconGitPullRequest, IconHistory } from '~/ui/icons';
import { ButtonLink, TextLink } from '~/ui/links';
import { PageHeader } from '~/ui/PageHeader';
import { EmptyState, ErrorState, PageSkeleton, Skeletons } from '~/ui/States';
import { CommitRows } from './CommitRows';
import { RepoError } from './RepoError';
import { BranchPicker, FilesTab } from './FilesTab';
import { PullList } from './PullList';
import { commitListQuery } from './queries';
import { Rules } from './Rules';

export type RepositorySearch = {
  tab?: 'commits' | 'pulls' | 'rules';
  ref?: string;
  path?: string;
  state?: 'merged' | 'closed';
};

type Props = { repo: string; search: RepositorySearch; go: (search: RepositorySearch) => void };

/** A repository: files, commits, pull requests, review rules. */
export function RepositoryPage({ repo, search, go }: Props) {
  const query = useQuery(repositoryQuery(repo));
  if (query.isPending) return <PageSkeleton />;
  if (!query.data) return <RepoError repo={repo} error={query.error} retry={() => void query.refetch()} />;
  const repository = query.data;
  const gitRef = search.ref || repository.defaultBranch;
  const title = search.path ? `${search.path} · ${repository.name}` : repository.name;
  return (
    <div className="sph-page">
      <PageHeader
        title={repository.name}
        documentTitle={title}
        crumbs={[{ label: tw.forge.title, link: { to: '/forge' } }, { label: repository.name }]}
        status={repository.archived && <Pill tone="warn">{tw.forge.archived}</Pill>}
        description={
          <>
            {[
              repository.description,
              repository.owner && t.entity.ownedBy(repository.owner),
              repository.archived && tw.forge.archivedText,
            ]
              .filter(Boolean)
              .join(' · ')}
          </>
        }
        actions={
          <>
            <CloneButton repository={repository} />
            {!repository.archived && (
              <ButtonLink
                variant="default"
                leftSection={<IconGitPullRequest size={16} aria-hidden />}
                to="/forge/$repo/pulls/new"
                params={{ repo }}
              >
                {tw.forge.newPull}
              </ButtonLink>
            )}
          </>
        }
      />
      <Tabs
        value={search.tab ?? 'files'}
        onChange={(tab) =>
          go({ ref: search.ref, tab: tab === 'files' ? undefined : (tab as RepositorySearch['tab']) })
        }
        keepMounted={false}
      >
        <Tabs.List className="sph-tabs" aria-label={tw.forge.parts(repository.name)} mb="md">
          <Tabs.Tab value="files">{tw.forge.files}</Tabs.Tab>
          <Tabs.Tab value="commits">{tw.forge.commits}</Tabs.Tab>
          <Tabs.Tab
            value="pulls"
            rightSection={
              repository.openPullRequests > 0 && <Pill tone="mute">{repository.openPullRequests}</Pill>
            }
          >
            {tw.forge.pulls}
          </Tabs.Tab>
          <Tabs.Tab value="rules">{tw.forge.rules}</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="files" className="sph-page">
          <FilesTab
            repository={repository}
            gitRef={gitRef}
            path={search.path ?? ''}
            onRef={(ref) => go({ ...search, ref })}
          />
        </Tabs.Panel>
        <Tabs.Panel value="commits" className="sph-page">
          <Commits repo={repo} gitRef={gitRef} onRef={(ref) => go({ ...search, ref })} />
        </Tabs.Panel>
        <Tabs.Panel value="pulls" className="sph-page">
          <PullList
            repo={repo}
            state={search.state ?? 'open'}
            onState={(state) => go({ ...search, state })}
          />
        </Tabs.Panel>
        <Tabs.Panel value="rules" className="sph-page">
          <Rules rules={repository.rules ?? []} />
        </Tabs.Panel>
      </Tabs>
    </div>
  );
}

function CloneButton({ repository }: { repository: Repository }) {
  const command = `git clone ${repository.cloneUrl}`;
  return (
    <Popover position="bottom-end" width={400} trapFocus withinPortal>
      <Popover.Target>
        <Button variant="default" rightSection={<IconChevronDown size={14} aria-hidden />}>
          {tw.forge.clone}
        </Button>
      </Popover.Target>
      <Popover.Dropdown aria-label={tw.forge.clone} maw="calc(100vw - 24px)">
        <div style={{ display: 'flex', gap: 4, alignItems: 'flex-start' }}>
          <Code style={{ flex: 1, overflowWrap: 'anywhere', whiteSpace: 'pre-wrap' }}>{command}</Code>
          <CopyButton value={command} size="md" />
        </div>
        <Text size="xs" className="sph-muted sph-prose" mt="xs">
          {tw.forge.cloneText}{' '}
          <TextLink to="/account" size="xs">
            {tw.forge.tokens}
          </TextLink>
        </Text>
      </Popover.Dropdown>
    </Popover>
  );
}

function Commits({ repo, gitRef, onRef }: { repo: string; gitRef: string; onRef: (ref: string) => void }) {
  const query = useInfiniteQuery(commitListQuery(repo, gitRef));
  const commits = query.data?.pages.flatMap((page) => page.commits ?? []) ?? [];
  return (
    <>
      <Group gap="sm">
        <BranchPicker repo={repo} value={gitRef} onChange={onRef} />
      </Group>
      <div className="sph-card sph-divided">
        {query.isPending && <Skeletons />}
        {query.error && commits.length === 0 && (
          <ErrorState error={query.error} retry={() => void query.refetch()} />
        )}
        {query.isSuccess && commits.length === 0 && (
          <EmptyState icon={<IconHistory size={28} />} title={tw.forge.noCommits} />
        )}
        <CommitRows repo={repo} commits={commits} />
        {query.hasNextPage && (
          <div style={{ padding: 12, textAlign: 'center' }}>
            <Button
              variant="subtle"
              size="compact-sm"
              loading={query.isFetchingNextPage}
              onClick={() => void query.fetchNextPage()}
            >
              {t.common.more}
            </Button>
          </div>
        )}
      </div>
    </>
  );
}
