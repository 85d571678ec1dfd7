import { Button, Group, Text } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api } from '~/api/client';
import { meQuery } from '~/api/queries';
import { tf } from '~/strings/flags';
import { When } from '~/ui/bits';
import { ButtonLink } from '~/ui/links';
import { Note } from '~/ui/Note';
import { toastDone, toastError } from '~/ui/toast';
import { WordList } from './PreviewView';
import { proposalsQuery } from './queries';
import { ReasonDialog } from './ReasonDialog';
import type { Flag } from './types';

/** A change that waits for a second person, with the decision. */
export function ProposalNote({ flag, id }: { flag: Flag; id: string }) {
  const queryClient = useQueryClient();
  const proposal = useQuery(proposalsQuery(flag.project)).data?.find((each) => each.id === id);
  const me = useQuery(meQuery).data?.user.id;
  const mine = proposal?.author === me;
  const [declining, setDeclining] = useState(false);
  const decide = useMutation({
    mutationFn: ({ approve, comment }: { approve: boolean; comment?: string }): Promise<unknown> =>
      mine && !approve
        ? api.delete('/v1/flag-projects/{project}/proposals/{id}', { path: { project: flag.project, id } })
        : api.post(
            '/v1/flag-projects/{project}/proposals/{id}/decision',
            { path: { project: flag.project, id } },
            { approve, comment },
          ),
    onSuccess: (_, { approve }) => {
      toastDone(approve ? tf.page.approved : tf.page.declined);
      setDeclining(false);
      void queryClient.invalidateQueries({ queryKey: ['flag'] });
      void queryClient.invalidateQueries({ queryKey: ['run', 'approvals'] });
    },
    onError: (error) => toastError(error),
  });
  if (!proposal) return null;
  return (
    <Note tone="warn" role="status" title={tf.page.waits(proposal.environment)}>
      <Text size="sm">
        {proposal.authorName} · <When at={proposal.createdAt} />
        {proposal.reason && ` · ${proposal.reason}`}
      </Text>
      <WordList lines={proposal.diff} none={tf.editor.reviewNothing} />
      <Text size="sm" className="sph-muted">
        {proposal.why}
      </Text>
      <Group gap="xs" mt="xs">
        {!mine && (
          <Button
            size="compact-sm"
            loading={decide.isPending}
            onClick={() => decide.mutate({ approve: true })}
          >
            {tf.page.approve}
          </Button>
        )}
        <Button size="compact-sm" variant="default" onClick={() => setDeclining(true)}>
          {mine ? tf.page.withdraw : tf.page.decline}
        </Button>
        <ButtonLink to="/approvals/$id" params={{ id }} size="compact-sm" variant="subtle">
          {tf.page.openRequest}
        </ButtonLink>
        {mine && (
          <Text size="sm" className="sph-muted">
            {tf.page.waitsMine}
          </Text>
        )}
      </Group>
      {declining && (
        <ReasonDialog
          title={mine ? tf.page.withdraw : tf.page.decline}
          verb={mine ? tf.page.withdraw : tf.page.decline}
          required={!mine}
          pending={decide.isPending}
          onConfirm={(comment) => decide.mutate({ approve: false, comment })}
          onClose={() => setDeclining(false)}
        />
      )}
    </Note>
  );
}
