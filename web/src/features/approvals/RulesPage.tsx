import { ActionIcon, Button, Group, Text } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api } from '~/api/client';
import { meQuery } from '~/api/queries';
import { ta } from '~/strings/approvals';
import { Pill } from '~/ui/bits';
import { confirm } from '~/ui/confirm';
import { IconArrowDown, IconArrowUp, IconChecklist } from '~/ui/icons';
import { PageHeader } from '~/ui/PageHeader';
import { EmptyState, ErrorState, Skeletons } from '~/ui/States';
import { toastDone, toastError } from '~/ui/toast';
import { Holds } from './Holds';
import { rulesQuery, type ApprovalRule } from './queries';
import { RuleDialog } from './RuleDialog';

/** Which runs need whose approval. */
export function RulesPage() {
  const { data, error, isPending, refetch } = useQuery(rulesQuery);
  const roles = useQuery(meQuery).data?.user.roles ?? [];
  const admin = roles.includes('administrator');
  const [editing, setEditing] = useState<ApprovalRule | 'new'>();
  return (
    <div className="sph-page">
      <PageHeader
        title={ta.rules.title}
        description={ta.rules.description}
        crumbs={[{ label: ta.approvals.title, link: { to: '/approvals' } }, { label: ta.rules.title }]}
        actions={admin && <Button onClick={() => setEditing('new')}>{ta.rules.add}</Button>}
      />
      <div className="sph-card">
        {isPending && <Skeletons />}
        {error && !data && <ErrorState error={error} retry={() => void refetch()} />}
        {data?.length === 0 && (
          <EmptyState icon={<IconChecklist size={28} />} title={ta.rules.none} text={ta.rules.noneText} />
        )}
        {data && data.length > 0 && (
          <div className="sph-divided">
            {data.map((rule, i) => (
              <RuleRow
                key={rule.id}
                rule={rule}
                first={i === 0}
                last={i === data.length - 1}
                admin={admin}
                onEdit={() => setEditing(rule)}
              />
            ))}
          </div>
        )}
      </div>
      <Holds may={admin || roles.includes('infrastructure')} />
      {editing && (
        <RuleDialog rule={editing === 'new' ? undefined : editing} onClose={() => setEditing(undefined)} />
      )}
    </div>
  );
}

/** What a rule asks for, in one line. */
export function inWords(rule: ApprovalRule): string {
  const match = rule.match;
  const about = [
    ...(match.actions ?? []),
    ...(match.environments ?? []),
    ...(match.blueprints ?? []),
    match.minRisk ? ta.approvals.risk[match.minRisk] : '',
    match.condition,
  ].filter(Boolean);
  const who = (rule.groups ?? []).map((group) => {
    const people = [
      ...(group.roles ?? []),
      ...(group.teams ?? []),
      ...(group.people ?? []),
      group.ownerTeam ? ta.rules.ownerTeam : '',
      group.onCall ?? '',
    ].filter(Boolean);
    return `${group.need ?? 1} × ${people.join(' / ')}`;
  });
  return `${about.join(', ') || ta.rules.everything}${who.length > 0 ? ` → ${who.join(' + ')}` : ''}`;
}

function RuleRow({
  rule,
  first,
  last,
  admin,
  onEdit,
}: {
  rule: ApprovalRule;
  first: boolean;
  last: boolean;
  admin: boolean;
  onEdit: () => void;
}) {
  const queryClient = useQueryClient();
  const done = () => void queryClient.invalidateQueries({ queryKey: rulesQuery.queryKey });
  const move = useMutation({
    mutationFn: (position: number) => {
      const { id, position: _, createdAt: _c, createdBy: _b, updatedAt: _u, updatedBy: _y, ...body } = rule;
      return api.put('/v1/approval-rules/{id}', { path: { id }, query: { position } }, body);
    },
    onSuccess: done,
    onError: (error) => toastError(error),
  });
  const remove = useMutation({
    mutationFn: () => api.delete('/v1/approval-rules/{id}', { path: { id: rule.id } }),
    onSuccess: () => {
      toastDone(ta.rules.removed);
      done();
    },
    onError: (error) => toastError(error),
  });
  return (
    <Group justify="space-between" px="md" py="sm" gap="sm">
      <div style={{ minWidth: 0, flex: '1 1 280px' }}>
        <Group gap={6}>
          <Text size="sm" fw={550}>
            {rule.name}
          </Text>
          <Pill tone={rule.effect === 'approve' ? 'ok' : 'info'}>{ta.rules.effects[rule.effect]}</Pill>
          {!rule.enabled && <Pill tone="mute">{ta.rules.off}</Pill>}
        </Group>
        <Text size="sm" className="sph-muted" style={{ overflowWrap: 'anywhere' }}>
          {rule.description || inWords(rule)}
        </Text>
      </div>
      {admin && (
        <Group gap={6}>
          <ActionIcon
            variant="subtle"
            color="gray"
            disabled={first || move.isPending}
            aria-label={ta.rules.up(rule.name)}
            onClick={() => move.mutate(rule.position - 1)}
          >
            <IconArrowUp size={16} />
          </ActionIcon>
          <ActionIcon
            variant="subtle"
            color="gray"
            disabled={last || move.isPending}
            aria-label={ta.rules.down(rule.name)}
            onClick={() => move.mutate(rule.position + 1)}
          >
            <IconArrowDown size={16} />
          </ActionIcon>
          <Button size="compact-sm" variant="default" aria-label={ta.rules.edit(rule.name)} onClick={onEdit}>
            {ta.rules.edit('').trim()}
          </Button>
          <Button
            size="compact-sm"
            variant="subtle"
            color="red"
            onClick={() =>
              confirm({
                title: ta.rules.removeTitle(rule.name),
                text: ta.rules.removeText,
                verb: ta.rules.remove,
                danger: true,
                onConfirm: () => remove.mutate(),
              })
            }
          >
            {ta.rules.remove}
          </Button>
        </Group>
      )}
    </Group>
  );
}
