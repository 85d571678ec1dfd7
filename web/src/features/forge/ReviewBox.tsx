import { Button, Group, Textarea } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api } from '~/api/client';
import type { PullRequest } from '~/api/types';
import { tw } from '~/strings/work';
import { toastDone, toastError } from '~/ui/toast';
import css from './forge.module.css';

type What = 'comment' | 'approve' | 'request_changes';

/** Comment, approve, or ask for changes. */
export function ReviewBox({ pull }: { pull: PullRequest }) {
  const queryClient = useQueryClient();
  const [body, setBody] = useState('');
  const [missing, setMissing] = useState(false);
  const path = { repo: pull.repository, n: pull.number };
  const say = useMutation({
    mutationFn: (what: What) =>
      what === 'comment'
        ? api.post('/v1/repositories/{repo}/pull-requests/{n}/comments', { path }, { body })
        : api.post('/v1/repositories/{repo}/pull-requests/{n}/reviews', { path }, { verdict: what, body }),
    onSuccess: (_, what) => {
      setBody('');
      toastDone(tw.forge.said[what]);
      return queryClient.invalidateQueries({ queryKey: ['pull_request'] });
    },
    onError: (error) => toastError(error),
  });
  const ask = (what: What) => {
    const needed = what !== 'approve' && body.trim() === '';
    setMissing(needed);
    if (!needed) say.mutate(what);
  };
  return (
    <section className={`sph-card ${css.body}`} aria-label={tw.forge.review}>
      <Textarea
        label={tw.forge.write}
        description={tw.forge.markdown}
        autosize
        minRows={3}
        maxRows={16}
        value={body}
        error={missing && body.trim() === '' ? tw.forge.needsBody : undefined}
        onChange={(event) => setBody(event.currentTarget.value)}
      />
      <Group gap="xs" mt="sm">
        <Button variant="default" loading={say.isPending} onClick={() => ask('comment')}>
          {tw.forge.comment}
        </Button>
        <Button variant="default" disabled={say.isPending} onClick={() => ask('approve')}>
          {tw.forge.approve}
        </Button>
        <Button variant="default" disabled={say.isPending} onClick={() => ask('request_changes')}>
          {tw.forge.requestChanges}
        </Button>
      </Group>
    </section>
  );
}
