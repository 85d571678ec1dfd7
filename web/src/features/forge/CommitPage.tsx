import { Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { shortSha } from '~/lib/format';
import { tw } from '~/strings/work';
import { CopyButton, When } from '~/ui/bits';
import { DiffView, type DiffFile, type DiffMode } from '~/ui/DiffView';
import { PageHeader } from '~/ui/PageHeader';
import { Section } from '~/ui/Section';
import { PageSkeleton } from '~/ui/States';
import { Statuses } from './PullBits';
import { RepoError } from './RepoError';
import { commitQuery, statusesQuery } from './queries';
import css from './forge.module.css';

const noFiles: DiffFile[] = [];

/** One commit with its diff. */
export function CommitPage({
  repo,
  sha,
  mode,
  onMode,
}: {
  repo: string;
  sha: string;
  mode: DiffMode;
  onMode: (mode: DiffMode) => void;
}) {
  const query = useQuery(commitQuery(repo, sha));
  const statuses = useQuery(statusesQuery(repo, sha)).data ?? [];
  if (query.isPending) return <PageSkeleton />;
  if (!query.data) return <RepoError repo={repo} error={query.error} retry={() => void query.refetch()} />;
  const { commit, files } = query.data;
  const rest = commit.message.slice(commit.subject.length).trim();
  return (
    <div className="sph-page wide">
      <PageHeader
        title={commit.subject}
        crumbs={[
          { label: tw.forge.title, link: { to: '/forge' } },
          { label: repo, link: { to: '/forge/$repo', params: { repo } } },
          { label: shortSha(commit.sha) },
        ]}
        description={
          <>
            {commit.author.name} {tw.forge.committed} <When at={commit.at} /> ·{' '}
            <span className="mono">{shortSha(commit.sha)}</span>{' '}
            <CopyButton value={commit.sha} label={tw.forge.copySha} />
            {(commit.parents ?? []).map((parent) => (
              <span key={parent}>
                {' '}
                · {tw.forge.parent}{' '}
                <Link to="/forge/$repo/commits/$sha" params={{ repo, sha: parent }} className="mono">
                  {shortSha(parent)}
                </Link>
              </span>
            ))}
          </>
        }
      />
      {rest && (
        <div className={`sph-card ${css.body}`}>
          <pre className={css.message}>{rest}</pre>
        </div>
      )}
      {statuses.length > 0 && (
        <Section title={tw.forge.statuses} flush>
          <Statuses statuses={statuses} />
        </Section>
      )}
      {(files ?? noFiles).length > 0 ? (
        <DiffView files={files ?? noFiles} mode={mode} onMode={onMode} />
      ) : (
        <Text size="sm" className="sph-muted">
          {tw.diff.none}
        </Text>
      )}
    </div>
  );
}
