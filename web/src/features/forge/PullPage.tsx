import { Tabs, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import type { PullRequest } from '~/api/types';
import { tw } from '~/strings/work';
import { Pill, When } from '~/ui/bits';
import { DiffView, type DiffMode } from '~/ui/DiffView';
import { PageHeader } from '~/ui/PageHeader';
import { Section } from '~/ui/Section';
import { ErrorState, PageSkeleton, Skeletons } from '~/ui/States';
import { CommitRows } from './CommitRows';
import { RepoError } from './RepoError';
import { MergeBox } from './MergeBox';
import { PullState, Statuses } from './PullBits';
import { PullThread } from './PullThread';
import { ReviewBox } from './ReviewBox';
import { pullDiffQuery, pullQuery } from './queries';
import css from './forge.module.css';

export type PullSearch = { tab?: 'commits' | 'files'; view?: DiffMode };

type Props = { repo: string; number: number; search: PullSearch; go: (search: PullSearch) => void };

/** A pull request: what is said, the commits, the files, and whether it can be merged. */
export function PullPage({ repo, number, search, go }: Props) {
  const query = useQuery(pullQuery(repo, number));
  if (query.isPending) return <PageSkeleton />;
  if (!query.data) return <RepoError repo={repo} error={query.error} retry={() => void query.refetch()} />;
  const pull = query.data;
  return (
    <div className="sph-page wide">
      <PageHeader
        title={pull.title}
        documentTitle={`${pull.title} #${pull.number}`}
        crumbs={[
          { label: tw.forge.title, link: { to: '/forge' } },
          { label: repo, link: { to: '/forge/$repo', params: { repo } } },
          { label: tw.forge.pulls, link: { to: '/forge/$repo', params: { repo }, search: { tab: 'pulls' } } },
          { label: `#${pull.number}` },
        ]}
        status={<PullState state={pull.state} />}
        description={<Summary pull={pull} />}
      />
      <Tabs
        value={search.tab ?? 'conversation'}
        onChange={(tab) =>
          go({ ...search, tab: tab === 'conversation' ? undefined : (tab as PullSearch['tab']) })
        }
        keepMounted={false}
      >
        <Tabs.List className="sph-tabs" aria-label={tw.forge.parts(`#${pull.number}`)} mb="md">
          <Tabs.Tab value="conversation">{tw.forge.conversation}</Tabs.Tab>
          <Tabs.Tab value="commits" rightSection={<Pill tone="mute">{pull.commits?.length ?? 0}</Pill>}>
            {tw.forge.commits}
          </Tabs.Tab>
          <Tabs.Tab value="files">{tw.forge.files}</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="conversation">
          <div className={css.pull}>
            <div className={css.thread}>
              <PullThread pull={pull} />
              {pull.state === 'open' && <ReviewBox pull={pull} />}
            </div>
            <Side pull={pull} />
          </div>
        </Tabs.Panel>
        <Tabs.Panel value="commits">
          <div className="sph-card sph-divided">
            <CommitRows repo={repo} commits={pull.commits ?? []} />
          </div>
        </Tabs.Panel>
        <Tabs.Panel value="files">
          <div className={css.thread}>
            <Files
              pull={pull}
              mode={search.view ?? 'unified'}
              onMode={(view) => go({ ...search, view: view === 'unified' ? undefined : view })}
            />
            {pull.state === 'open' && <ReviewBox pull={pull} />}
          </div>
        </Tabs.Panel>
      </Tabs>
    </div>
  );
}

function Summary({ pull }: { pull: PullRequest }) {
  return (
    <>
      {pull.author.name} {tw.forge.opened} <When at={pull.createdAt} /> ·{' '}
      <span className="mono">{pull.head}</span> {tw.forge.into} <span className="mono">{pull.base}</span>
      {pull.mergedBy && (
        <>
          {' '}
          · {tw.forge.mergedBy(pull.mergedBy.name)} <When at={pull.mergedAt} />
        </>
      )}
      {pull.runId && (
        <>
          {' '}
          ·{' '}
          <Link to="/runs/$id" params={{ id: pull.runId }}>
            {tw.forge.ofRun}
          </Link>
        </>
      )}
    </>
  );
}

function Side({ pull }: { pull: PullRequest }) {
  const statuses = pull.statuses ?? [];
  return (
    <div className={css.thread}>
      <MergeBox pull={pull} />
      {statuses.length > 0 && (
        <Section title={tw.forge.statuses} flush>
          <Statuses statuses={statuses} />
        </Section>
      )}
    </div>
  );
}

function Files({
  pull,
  mode,
  onMode,
}: {
  pull: PullRequest;
  mode: DiffMode;
  onMode: (mode: DiffMode) => void;
}) {
  const query = useQuery(pullDiffQuery(pull.repository, pull.number, pull.headSha));
  if (query.isPending) return <Skeletons rows={10} />;
  if (!query.data) return <ErrorState error={query.error} retry={() => void query.refetch()} />;
  if (query.data.length === 0) {
    return (
      <Text size="sm" className="sph-muted">
        {tw.diff.none}
      </Text>
    );
  }
  return <DiffView files={query.data} mode={mode} onMode={onMode} />;
}
