import { Breadcrumbs, Group, NativeSelect, Text } from '@mantine/core';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { treeQuery } from '~/api/services';
import type { Repository, TreeEntry } from '~/api/types';
import { bytes, shortSha } from '~/lib/format';
import { tw } from '~/strings/work';
import { When } from '~/ui/bits';
import { IconBrandGit, IconFile, IconFolder, IconLink } from '~/ui/icons';
import { Section } from '~/ui/Section';
import { EmptyState, ErrorState, Skeletons } from '~/ui/States';
import { FileView } from './FileView';
import { LazyMarkdown } from './LazyMarkdown';
import { folderOf, isMarkdown, nameOf, partsOf, readmeOf } from './paths';
import { branchesQuery, commitListQuery, fileQuery } from './queries';
import css from './forge.module.css';

type Props = { repository: Repository; gitRef: string; path: string; onRef: (ref: string) => void };

/** The files of a branch or commit. */
export function FilesTab({ repository, gitRef, path, onRef }: Props) {
  const repo = repository.name;
  return (
    <>
      <Group gap="sm">
        <BranchPicker repo={repo} value={gitRef} onChange={onRef} />
        <Breadcrumbs separatorMargin={6} styles={{ root: { flexWrap: 'wrap' } }}>
          <Link to="/forge/$repo" params={{ repo }} search={{ ref: gitRef }}>
            {nameOf(repo)}
          </Link>
          {partsOf(path).map((part) => (
            <Link
              key={part.path}
              to="/forge/$repo"
              params={{ repo }}
              search={{ ref: gitRef, path: part.path }}
            >
              {part.name}
            </Link>
          ))}
        </Breadcrumbs>
      </Group>
      <Content key={path} repo={repo} gitRef={gitRef} path={path} />
    </>
  );
}

/** A folder or a file: the folder above knows which. */
function Content({ repo, gitRef, path }: { repo: string; gitRef: string; path: string }) {
  const above = useQuery({ ...treeQuery(repo, gitRef, folderOf(path)), enabled: path !== '' });
  if (path === '') return <Folder repo={repo} gitRef={gitRef} path="" />;
  if (above.isPending) {
    return (
      <div className="sph-card">
        <Skeletons rows={8} />
      </div>
    );
  }
  if (above.error) return <ErrorState error={above.error} retry={() => void above.refetch()} />;
  const entry = above.data.find((each) => each.path === path);
  if (entry && entry.kind !== 'folder') return <FileView repo={repo} gitRef={gitRef} path={path} />;
  return <Folder repo={repo} gitRef={gitRef} path={path} />;
}

function Folder({ repo, gitRef, path }: { repo: string; gitRef: string; path: string }) {
  const tree = useQuery(treeQuery(repo, gitRef, path));
  const last = useInfiniteQuery({ ...commitListQuery(repo, gitRef, 1), enabled: path === '' });
  const commit = last.data?.pages[0]?.commits?.[0];
  const entries = tree.data ?? [];
  const readme = readmeOf(entries);
  if (tree.isPending) {
    return (
      <div className="sph-card">
        <Skeletons rows={8} />
      </div>
    );
  }
  if (tree.error) {
    return <ErrorState error={tree.error} retry={() => void tree.refetch()} />;
  }
  return (
    <>
      <section className="sph-card sph-divided" aria-label={path || tw.forge.root}>
        {commit && (
          <div className={css.fileHead} style={{ borderBottom: 0 }}>
            <Text size="sm" component="div">
              <Link to="/forge/$repo/commits/$sha" params={{ repo, sha: commit.sha }}>
                {commit.subject}
              </Link>
            </Text>
            <Text size="xs" className="sph-muted">
              {commit.author.name} · <span className="mono">{shortSha(commit.sha)}</span> ·{' '}
              <When at={commit.at} />
            </Text>
          </div>
        )}
        {entries.length === 0 && (
          <EmptyState
            icon={<IconBrandGit size={28} />}
            title={path === '' ? tw.forge.emptyRepository : tw.forge.emptyFolder}
            text={path === '' ? tw.forge.emptyRepositoryText : undefined}
          />
        )}
        {sorted(entries).map((entry) => (
          <Entry key={entry.path} repo={repo} gitRef={gitRef} entry={entry} />
        ))}
      </section>
      {readme && <Readme repo={repo} gitRef={gitRef} path={readme} />}
    </>
  );
}

/** Folders first, then by name. */
function sorted(entries: TreeEntry[]): TreeEntry[] {
  const rank = (entry: TreeEntry) => (entry.kind === 'folder' ? 0 : 1);
  return entries.toSorted((a, b) => rank(a) - rank(b) || a.name.localeCompare(b.name));
}

function Entry({ repo, gitRef, entry }: { repo: string; gitRef: string; entry: TreeEntry }) {
  const Icon = entry.kind === 'folder' ? IconFolder : entry.kind === 'file' ? IconFile : IconLink;
  return (
    <div className={css.entry}>
      <span role="img" aria-label={tw.forge.kinds[entry.kind] ?? entry.kind} style={{ display: 'grid' }}>
        <Icon size={18} aria-hidden color="var(--sph-muted)" />
      </span>
      <span style={{ overflowWrap: 'anywhere' }}>
        {entry.kind === 'submodule' ? (
          entry.name
        ) : (
          <Link to="/forge/$repo" params={{ repo }} search={{ ref: gitRef, path: entry.path }}>
            {entry.name}
          </Link>
        )}
      </span>
      <Text size="xs" className="sph-muted num">
        {entry.kind === 'file' && bytes(entry.size)}
      </Text>
    </div>
  );
}

function Readme({ repo, gitRef, path }: { repo: string; gitRef: string; path: string }) {
  const file = useQuery(fileQuery(repo, gitRef, path)).data;
  if (!file || file.binary) return null;
  return (
    <Section title={nameOf(path)}>
      {isMarkdown(path) ? (
        <LazyMarkdown text={file.content} repo={repo} gitRef={gitRef} folder={folderOf(path)} />
      ) : (
        <pre className={css.message}>{file.content}</pre>
      )}
    </Section>
  );
}

/** A branch; a commit's hash in the address stays offered. */
export function BranchPicker({
  repo,
  value,
  onChange,
  label = tw.forge.branch,
}: {
  repo: string;
  value: string;
  onChange: (ref: string) => void;
  label?: string;
}) {
  const branches = useQuery(branchesQuery(repo)).data ?? [];
  const data = branches.map((branch) => ({
    value: branch.name,
    label: branch.protected ? `${branch.name} (${tw.forge.protected})` : branch.name,
  }));
  if (value && !data.some((each) => each.value === value)) {
    data.unshift({ value, label: shortSha(value) });
  }
  return (
    <NativeSelect
      size="sm"
      aria-label={label}
      value={value}
      onChange={(event) => onChange(event.currentTarget.value)}
      data={data}
    />
  );
}
