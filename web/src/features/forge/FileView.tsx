import { Button, Group, SegmentedControl, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useEffect, useMemo, useState } from 'react';
import type { RepoFile } from '~/api/types';
import { tw } from '~/strings/work';
import { CopyButton } from '~/ui/bits';
import { visible } from '~/ui/DiffViewParse';
import { IconDownload, IconFile } from '~/ui/icons';
import { linkedLine } from '~/ui/LogViewSearch';
import { EmptyState, ErrorState, Skeletons } from '~/ui/States';
import { LazyMarkdown } from './LazyMarkdown';
import { folderOf, isMarkdown, nameOf } from './paths';
import { fileQuery } from './queries';
import css from './forge.module.css';

/** One file with numbered lines, each with an address (#L12). */
export function FileView({ repo, gitRef, path }: { repo: string; gitRef: string; path: string }) {
  const query = useQuery(fileQuery(repo, gitRef, path));
  const [raw, setRaw] = useState(() => linkedLine(location.hash) !== undefined);
  if (query.isPending) {
    return (
      <div className="sph-card">
        <Skeletons rows={10} />
      </div>
    );
  }
  if (query.error) return <ErrorState error={query.error} retry={() => void query.refetch()} />;
  const file = query.data;
  const rendered = isMarkdown(path) && !raw;
  if (file.binary) {
    return (
      <div className="sph-card">
        <EmptyState
          icon={<IconFile size={28} />}
          title={tw.forge.binaryFile}
          text={tw.forge.binaryText(file.size)}
        />
      </div>
    );
  }
  return (
    <section className="sph-card" aria-label={path}>
      <div className={css.fileHead}>
        <Text size="sm" className="sph-muted num">
          {tw.forge.lines(linesOf(file.content).length, file.size)}
        </Text>
        <Group gap="xs">
          {isMarkdown(path) && (
            <SegmentedControl
              size="xs"
              aria-label={tw.forge.fileView}
              value={raw ? 'code' : 'preview'}
              onChange={(value) => setRaw(value === 'code')}
              data={[
                { value: 'preview', label: tw.forge.preview },
                { value: 'code', label: tw.forge.code },
              ]}
            />
          )}
          <CopyButton value={file.content} label={tw.forge.copyFile} size="md" />
          <DownloadButton file={file} path={path} />
        </Group>
      </div>
      {file.truncated && (
        <Text size="sm" p="sm" className="sph-muted">
          {tw.forge.truncatedFile}
        </Text>
      )}
      {file.content === '' ? (
        <EmptyState title={tw.forge.emptyFile} />
      ) : rendered ? (
        <div className={css.body}>
          <LazyMarkdown text={file.content} repo={repo} gitRef={gitRef} folder={folderOf(path)} />
        </div>
      ) : (
        <Source content={file.content} label={tw.forge.linesOf(path)} />
      )}
    </section>
  );
}

function linesOf(content: string): string[] {
  const lines = content.split('\n');
  if (lines.length > 1 && lines.at(-1) === '') lines.pop();
  return lines;
}

function DownloadButton({ file, path }: { file: RepoFile; path: string }) {
  const save = () => {
    const address = URL.createObjectURL(new Blob([file.content], { type: 'text/plain' }));
    const link = document.createElement('a');
    link.href = address;
    link.download = nameOf(path);
    link.click();
    URL.revokeObjectURL(address);
  };
  return (
    <Button
      size="compact-sm"
      variant="default"
      leftSection={<IconDownload size={14} aria-hidden />}
      onClick={save}
    >
      {tw.forge.download}
    </Button>
  );
}

/** Lines shown before the reader asks for more. */
const page = 3_000;

function Source({ content, label }: { content: string; label: string }) {
  const lines = useMemo(() => linesOf(content), [content]);
  const [linked, setLinked] = useState(() => linkedLine(location.hash));
  const [shown, setShown] = useState(() => Math.max(page, linked ?? 0));
  useEffect(() => {
    const onHash = () => setLinked(linkedLine(location.hash));
    window.addEventListener('hashchange', onHash);
    return () => window.removeEventListener('hashchange', onHash);
  }, []);
  useEffect(() => {
    if (linked !== undefined) document.getElementById(`L${linked}`)?.scrollIntoView({ block: 'center' });
  }, [linked]);
  return (
    <div className={css.source} tabIndex={0} role="region" aria-label={label}>
      <table>
        <tbody>
          {lines.slice(0, shown).map((line, i) => (
            <tr key={i} id={`L${i + 1}`} data-linked={linked === i + 1 || undefined}>
              <td className={css.number}>
                <a href={`#L${i + 1}`} tabIndex={-1} aria-label={tw.forge.lineLink(i + 1)}>
                  {i + 1}
                </a>
              </td>
              <td className={css.text}>{visible(line)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {lines.length > shown && (
        <Button size="compact-sm" variant="default" m="sm" onClick={() => setShown(lines.length)}>
          {tw.forge.showRest(lines.length - shown)}
        </Button>
      )}
    </div>
  );
}
