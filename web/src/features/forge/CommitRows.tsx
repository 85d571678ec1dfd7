import { Text } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import type { Commit } from '~/api/types';
import { shortSha } from '~/lib/format';
import { tw } from '~/strings/work';
import { CopyButton, When } from '~/ui/bits';

/** Commits, one per line. */
export function CommitRows({ repo, commits }: { repo: string; commits: Commit[] }) {
  return commits.map((commit) => (
    <div key={commit.sha} className="sph-row sph-line">
      <Text size="sm" className="sph-line-text" component="div">
        <Link to="/forge/$repo/commits/$sha" params={{ repo, sha: commit.sha }}>
          {commit.subject}
        </Link>
      </Text>
      <Text size="xs" className="sph-muted">
        {commit.author.name} · <When at={commit.at} />
      </Text>
      <span style={{ display: 'inline-flex', alignItems: 'center', gap: 2 }}>
        <span className="mono">{shortSha(commit.sha)}</span>
        <CopyButton value={commit.sha} label={tw.forge.copySha} />
      </span>
    </div>
  ));
}
