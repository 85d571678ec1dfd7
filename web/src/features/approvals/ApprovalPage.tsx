import { Button, Group, Kbd, Table, Text, Textarea } from '@mantine/core';
import { useHotkeys } from '@mantine/hooks';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api } from '~/api/client';
import type { Plan } from '~/api/types';
import { PlanView } from '~/features/plan/PlanView';
import { ta } from '~/strings/approvals';
import { Fact, Facts, When } from '~/ui/bits';
import { ButtonLink } from '~/ui/links';
import { PageHeader } from '~/ui/PageHeader';
import { Section } from '~/ui/Section';
import { ErrorState, Skeletons } from '~/ui/States';
import { toastDone, toastError } from '~/ui/toast';
import { Changes } from './Changes';
import { Decisions, Marks } from './parts';
import { approvalQuery, type ApprovalDetail } from './queries';

/** One request: the whole plan, who decides, who has decided, and the decision. */
export function ApprovalPage({ id }: { id: string }) {
  const query = useQuery(approvalQuery(id));
  const approval = query.data;
  if (query.isPending) return <Skeletons />;
  if (query.error && !approval) return <ErrorState error={query.error} retry={() => void query.refetch()} />;
  if (!approval) return null;
  return (
    <div className="sph-page">
      <PageHeader
        title={approval.title}
        crumbs={[{ label: ta.approvals.title, link: { to: '/approvals' } }, { label: approval.title }]}
        status={<Marks approval={approval} />}
        actions={
          <ButtonLink to={approval.link as '/'} variant="default">
            {ta.approvals.openThing[approval.kind]}
          </ButtonLink>
        }
      />
      <FactsOf approval={approval} />
      {approval.state === 'open' && <Decide approval={approval} key={approval.id} />}
      <Needed approval={approval} />
      <Section title={ta.approvals.decisions} flush>
        <Decisions approval={approval} />
      </Section>
      <Section title={ta.approvals.plan}>
        {approval.kind !== 'run' ? (
          <Changes changes={approval.changes} />
        ) : approval.plan ? (
          <PlanView plan={approval.plan as Plan} />
        ) : (
          <Text size="sm" className="sph-muted">
            {ta.approvals.noPlan}
          </Text>
        )}
      </Section>
      {approval.earlier.length > 0 && (
        <Section title={ta.approvals.earlier} flush>
          {approval.earlier.map((round) => (
            <div key={round.id}>
              <Group px="md" pt="sm" gap="xs">
                <Marks approval={round} />
                <Text size="sm" className="sph-muted">
                  <When at={round.createdAt} />
                </Text>
              </Group>
              <Decisions approval={round} />
            </div>
          ))}
        </Section>
      )}
    </div>
  );
}

function FactsOf({ approval }: { approval: ApprovalDetail }) {
  return (
    <Section title={ta.approvals.asked}>
      <Facts>
        <Fact name={ta.approvals.requester}>{approval.requester.name || approval.requester.id}</Fact>
        <Fact name={ta.approvals.action}>{ta.approvals.actions[approval.action] ?? approval.action}</Fact>
        {approval.why && <Fact name={ta.approvals.why}>{approval.why}</Fact>}
        <Fact name={ta.approvals.asked}>
          <When at={approval.createdAt} />
        </Fact>
        {Object.entries((approval.input ?? {}) as Record<string, unknown>).map(([name, value]) => (
          <Fact key={name} name={name}>
            {typeof value === 'string' ? value : JSON.stringify(value)}
          </Fact>
        ))}
        {approval.dueAt && (
          <Fact name={ta.approvals.due}>
            <When at={approval.dueAt} />
          </Fact>
        )}
        {approval.expiresAt && (
          <Fact name={ta.approvals.expires}>
            <When at={approval.expiresAt} />
          </Fact>
        )}
        {approval.cost && (
          <Fact name="">{ta.approvals.cost(`${approval.cost.monthly} ${approval.cost.currency}`)}</Fact>
        )}
        {approval.risk && approval.risk.reasons.length > 0 && (
          <Fact name={ta.approvals.riskWhy}>{approval.risk.reasons.join(' ')}</Fact>
        )}
      </Facts>
    </Section>
  );
}

function Needed({ approval }: { approval: ApprovalDetail }) {
  return (
    <Section title={ta.approvals.needed} flush>
      <Table verticalSpacing="sm">
        <Table.Thead>
          <Table.Tr>
            <Table.Th>{ta.approvals.rule}</Table.Th>
            <Table.Th>{ta.approvals.who}</Table.Th>
            <Table.Th ta="right">{ta.approvals.progress}</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {approval.asks.flatMap((ask) =>
            ask.groups.map((group, i) => (
              <Table.Tr key={`${ask.rule} ${i}`}>
                <Table.Td>
                  {ask.rule}
                  {ask.why && (
                    <Text size="xs" className="sph-muted">
                      {ask.why}
                    </Text>
                  )}
                </Table.Td>
                <Table.Td>
                  {group.name && <strong>{group.name}: </strong>}
                  {group.who.join(', ')}
                </Table.Td>
                <Table.Td ta="right" className="num">
                  {ta.approvals.have(group.have, group.need)}
                </Table.Td>
              </Table.Tr>
            )),
          )}
        </Table.Tbody>
      </Table>
    </Section>
  );
}

function Decide({ approval }: { approval: ApprovalDetail }) {
  const queryClient = useQueryClient();
  const [comment, setComment] = useState('');
  const decide = useMutation({
    mutationFn: (approve: boolean): Promise<unknown> => send(approval, approve, comment),
    onSuccess: (_, approve) => {
      toastDone(approve ? ta.approvals.approved : ta.approvals.declined);
      for (const key of ['run', 'home', 'flag', 'policy', 'access'])
        void queryClient.invalidateQueries({ queryKey: [key] });
    },
    onError: (error) => toastError(error),
  });
  const ready = approval.canDecide && !decide.isPending;
  useHotkeys([
    ['a', () => ready && decide.mutate(true)],
    ['d', () => ready && decide.mutate(false)],
  ]);
  if (!approval.canDecide) {
    return (
      <Section title={ta.approvals.cannot}>
        <Text size="sm">{approval.reason}</Text>
        {approval.canWithdraw && <Withdraw approval={approval} />}
      </Section>
    );
  }
  return (
    <Section title={ta.approvals.decide}>
      {approval.for && (
        <Text size="sm" mb="xs">
          {ta.approvals.decideFor(approval.for)}
        </Text>
      )}
      <Textarea
        label={ta.approvals.comment}
        description={ta.approvals.commentHint}
        autosize
        minRows={2}
        maxLength={2000}
        value={comment}
        onChange={(event) => setComment(event.currentTarget.value)}
      />
      <Group gap="xs" mt="sm">
        <Button loading={decide.isPending} onClick={() => decide.mutate(true)}>
          {ta.approvals.approve}
        </Button>
        <Button variant="default" disabled={decide.isPending} onClick={() => decide.mutate(false)}>
          {ta.approvals.decline}
        </Button>
        <Text size="xs" className="sph-muted" visibleFrom="sm">
          <Kbd size="xs">a</Kbd> <Kbd size="xs">d</Kbd> {ta.approvals.keys}
        </Text>
      </Group>
    </Section>
  );
}

/** Each kind is decided on where it is kept; the rules are the same. */
function send(approval: ApprovalDetail, approve: boolean, comment: string) {
  const { id, project = '', runId = '', digest } = approval;
  switch (approval.kind) {
    case 'flag':
      return api.post(
        '/v1/flag-projects/{project}/proposals/{id}/decision',
        { path: { project, id } },
        { approve, comment },
      );
    case 'policy':
      return approve
        ? api.post('/v1/access/policies/changes/{id}/confirm', { path: { id } }, { comment })
        : api.post('/v1/access/policies/changes/{id}/reject', { path: { id } }, { comment });
    default:
      return api.post('/v1/runs/{id}/approval', { path: { id: runId } }, { approve, comment, digest });
  }
}

function Withdraw({ approval }: { approval: ApprovalDetail }) {
  const queryClient = useQueryClient();
  const { id, project = '' } = approval;
  const withdraw = useMutation({
    mutationFn: (): Promise<unknown> =>
      approval.kind === 'flag'
        ? api.delete('/v1/flag-projects/{project}/proposals/{id}', { path: { project, id } })
        : api.post('/v1/access/policies/changes/{id}/reject', { path: { id } }, {}),
    onSuccess: () => {
      toastDone(ta.approvals.withdrawn);
      for (const key of ['run', 'flag', 'policy']) void queryClient.invalidateQueries({ queryKey: [key] });
    },
    onError: (error) => toastError(error),
  });
  return (
    <Button
      variant="default"
      size="compact-sm"
      mt="sm"
      loading={withdraw.isPending}
      onClick={() => withdraw.mutate()}
    >
      {ta.approvals.withdraw}
    </Button>
  );
}
