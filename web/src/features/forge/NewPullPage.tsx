import { Button, Group, Stack, Text, Textarea, TextInput } from '@mantine/core';
import { useMutation, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { api } from '~/api/client';
import { isApiError } from '~/api/errors';
import { repositoryQuery } from '~/api/services';
import type { PullRequest } from '~/api/types';
import { tw } from '~/strings/work';
import { DiffView } from '~/ui/DiffView';
import { IconGitBranch } from '~/ui/icons';
import { PageHeader } from '~/ui/PageHeader';
import { EmptyState, ErrorState, PageSkeleton, Skeletons } from '~/ui/States';
import { toastError } from '~/ui/toast';
import { BranchPicker } from './FilesTab';
import { branchesQuery, compareQuery } from './queries';
import { RepoError } from './RepoError';
import css from './forge.module.css';

export type NewPullSearch = { base?: string; head?: string };

type Props = {
  repo: string;
  search: NewPullSearch;
  go: (search: NewPullSearch) => void;
  onOpened: (pull: PullRequest) => void;
};

/** Compares two branches and asks to merge one into the other. */
export function NewPullPage({ repo, search, go, onOpened }: Props) {
  const repository = useQuery(repositoryQuery(repo));
  const branches = useQuery(branchesQuery(repo));
  if (repository.isPending || branches.isPending) return <PageSkeleton />;
  if (!repository.data || !branches.data) {
    return (
      <RepoError
        repo={repo}
        error={repository.error ?? branches.error}
        retry={() => void repository.refetch()}
      />
    );
  }
  const base = search.base ?? repository.data.defaultBranch;
  const newest = branches.data
    .filter((branch) => branch.name !== base)
    .toSorted((a, b) => b.updatedAt.localeCompare(a.updatedAt))[0];
  const head = search.head ?? newest?.name ?? '';
  return (
    <div className="sph-page">
      <PageHeader
        title={tw.forge.newTitle}
        documentTitle={`${tw.forge.newTitle} · ${repo}`}
        crumbs={[
          { label: tw.forge.title, link: { to: '/forge' } },
          { label: repo, link: { to: '/forge/$repo', params: { repo } } },
          { label: tw.forge.newTitle },
        ]}
      />
      {branches.data.length < 2 ? (
        <div className="sph-card">
          <EmptyState
            icon={<IconGitBranch size={28} />}
            title={tw.forge.oneBranch}
            text={tw.forge.oneBranchText}
            command="git push origin HEAD:my-change"
          />
        </div>
      ) : (
        <>
          <Group gap="sm">
            <Text size="sm">{tw.forge.head}</Text>
            <BranchPicker
              repo={repo}
              label={tw.forge.head}
              value={head}
              onChange={(next) => go({ base, head: next })}
            />
            <Text size="sm">{tw.forge.into}</Text>
            <BranchPicker
              repo={repo}
              label={tw.forge.base}
              value={base}
              onChange={(next) => go({ base: next, head })}
            />
          </Group>
          <Form
            key={head}
            repo={repo}
            base={base}
            head={head}
            subject={branches.data.find((branch) => branch.name === head)?.subject ?? ''}
            onOpened={onOpened}
          />
        </>
      )}
    </div>
  );
}

type FormProps = { repo: string; base: string; head: string; subject: string; onOpened: Props['onOpened'] };

function Form({ repo, base, head, subject, onOpened }: FormProps) {
  const [title, setTitle] = useState(subject);
  const [body, setBody] = useState('');
  const diff = useQuery(compareQuery(repo, base, head));
  const open = useMutation({
    mutationFn: () =>
      api.post('/v1/repositories/{repo}/pull-requests', { path: { repo } }, { title, body, head, base }),
    onSuccess: (answer) => onOpened(answer.pullRequest),
    onError: (error) => {
      if (!isApiError(error, 'validation_error')) toastError(error);
    },
  });
  const problems = isApiError(open.error, 'validation_error') ? open.error.fieldErrors() : {};
  if (base === head) {
    return (
      <Text size="sm" className="sph-muted">
        {tw.forge.sameBranch}
      </Text>
    );
  }
  return (
    <>
      <form
        className={`sph-card ${css.body}`}
        onSubmit={(event) => {
          event.preventDefault();
          open.mutate();
        }}
      >
        <Stack gap="md">
          <TextInput
            label={tw.forge.pullTitle}
            required
            value={title}
            error={problems.title}
            onChange={(event) => setTitle(event.currentTarget.value)}
          />
          <Textarea
            label={tw.forge.pullBody}
            description={tw.forge.markdown}
            autosize
            minRows={3}
            value={body}
            error={problems.body}
            onChange={(event) => setBody(event.currentTarget.value)}
          />
          <Group justify="flex-end">
            <Button
              type="submit"
              loading={open.isPending}
              disabled={title.trim() === '' || diff.data?.length === 0}
            >
              {tw.forge.openPull}
            </Button>
          </Group>
        </Stack>
      </form>
      {diff.isPending && <Skeletons rows={8} />}
      {diff.error && <ErrorState error={diff.error} retry={() => void diff.refetch()} />}
      {diff.data?.length === 0 && (
        <Text size="sm" className="sph-muted">
          {tw.forge.nothingDiffers}
        </Text>
      )}
      {diff.data && diff.data.length > 0 && <DiffView files={diff.data} />}
    </>
  );
}
