import { Group, Text } from '@mantine/core';
import { useNow } from '~/lib/useNow';
import { ta } from '~/strings/approvals';
import { Pill, When, type Tone } from '~/ui/bits';
import type { Approval } from './queries';

export const stateTones: Record<string, Tone> = {
  open: 'warn',
  approved: 'ok',
  declined: 'bad',
  expired: 'mute',
  cancelled: 'mute',
  void: 'bad',
};

const riskTones: Record<string, Tone> = { low: 'mute', medium: 'info', high: 'warn' };

/** The state, the risk and what else is to know at a glance. */
export function Marks({ approval }: { approval: Approval }) {
  const now = useNow();
  const late = approval.state === 'open' && approval.dueAt && Date.parse(approval.dueAt) < now;
  return (
    <Group gap={6} component="span">
      <Pill tone={stateTones[approval.state] ?? 'mute'}>
        {ta.approvals.states[approval.state] ?? approval.state}
      </Pill>
      {approval.risk && (
        <Pill tone={riskTones[approval.risk.level] ?? 'mute'}>{ta.approvals.risk[approval.risk.level]}</Pill>
      )}
      {late && <Pill tone="bad">{ta.approvals.overdue}</Pill>}
      {approval.escalated && <Pill tone="warn">{ta.approvals.escalated}</Pill>}
    </Group>
  );
}

/** How far the groups are, in one line. */
export function Progress({ approval }: { approval: Approval }) {
  const groups = approval.asks.flatMap((ask) => ask.groups);
  const need = groups.reduce((n, group) => n + group.need, 0);
  const have = groups.reduce((n, group) => n + group.have, 0);
  return <span className="num">{ta.approvals.have(have, need)}</span>;
}

/** Who said what, the latest last. */
export function Decisions({ approval }: { approval: Approval }) {
  if (approval.decisions.length === 0) {
    return (
      <Text size="sm" className="sph-muted" p="md">
        {ta.approvals.noDecision}
      </Text>
    );
  }
  return (
    <ul className="sph-divided" style={{ listStyle: 'none', margin: 0, padding: 0 }}>
      {approval.decisions.map((said) => (
        <li key={said.by.id} style={{ padding: '10px 16px' }}>
          <Text size="sm" component="div">
            <Pill tone={said.approve ? 'ok' : 'bad'}>
              {said.approve ? ta.approvals.approvedBy(said.by.name) : ta.approvals.declinedBy(said.by.name)}
            </Pill>{' '}
            {said.for && <span>{ta.approvals.forWhom(said.for.name)} </span>}
            <span className="sph-muted">
              <When at={said.at} />
            </span>
          </Text>
          {said.comment && (
            <Text size="sm" mt={4} style={{ whiteSpace: 'pre-line', overflowWrap: 'anywhere' }}>
              {said.comment}
            </Text>
          )}
        </li>
      ))}
    </ul>
  );
}
