import { Group, Stack, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import type { Entity } from '~/api/types';
import { scorecardsQuery } from '~/features/builder/scorecard';
import { humanise } from '~/lib/words';
import { tc } from '~/strings/catalog';
import { Pill } from '~/ui/bits';
import { IconCircleCheck, IconCircleX } from '~/ui/icons';
import { Section } from '~/ui/Section';

type Evidence = { property: string; operator: string; expected?: unknown; actual?: unknown };
type RuleResult = { identifier: string; status: string; level: string; evidence?: Evidence[] | null };
type Result = { level: string; rules?: RuleResult[] | null };

const written = (value: unknown) =>
  value === null || value === undefined
    ? tc.form.notSet.toLowerCase()
    : Array.isArray(value)
      ? value.map(String).join(', ')
      : typeof value === 'object'
        ? JSON.stringify(value)
        : String(value);

/** Each scorecard with its level, its rules, and what was compared. */
export function ScorecardPanel({ entity }: { entity: Entity }) {
  const results = Object.entries(entity.scorecards as Record<string, Result>);
  const { data: cards } = useQuery({ ...scorecardsQuery(entity.blueprint), enabled: results.length > 0 });
  if (results.length === 0) return null;
  return results.map(([id, result]) => {
    const rules = result.rules ?? [];
    const card = cards?.find((one) => one.identifier === id);
    const passed = rules.filter((rule) => rule.status === 'SUCCESS').length;
    return (
      <Section
        key={id}
        title={card?.title || humanise(id)}
        description={tc.history.passed(passed, rules.length)}
        action={
          <Pill tone={passed === rules.length ? 'ok' : 'info'} dot>
            {result.level}
          </Pill>
        }
      >
        <Stack gap={8} py={4}>
          {rules.map((rule) => (
            <Rule
              key={rule.identifier}
              rule={rule}
              title={
                card?.rules?.find((one) => one.identifier === rule.identifier)?.title ||
                humanise(rule.identifier)
              }
            />
          ))}
        </Stack>
      </Section>
    );
  });
}

function Rule({ rule, title }: { rule: RuleResult; title: string }) {
  const ok = rule.status === 'SUCCESS';
  const Icon = ok ? IconCircleCheck : IconCircleX;
  return (
    <Group gap={10} wrap="nowrap" align="flex-start">
      <Icon
        size={18}
        color={`var(--sph-${ok ? 'ok' : 'bad'})`}
        role="img"
        aria-label={ok ? tc.history.rulePassed : tc.history.ruleFailed}
        style={{ flex: 'none', marginTop: 1 }}
      />
      <div style={{ minWidth: 0 }}>
        <Text size="sm">
          {title}{' '}
          <Text span size="xs" className="sph-muted">
            {rule.level}
          </Text>
        </Text>
        {(rule.evidence ?? []).map((each, i) => (
          <Text key={i} size="xs" className="sph-muted" style={{ overflowWrap: 'anywhere' }}>
            {humanise(each.property)} {tc.history.is(written(each.actual))}
            {!ok &&
              `, ${tc.history.wanted(
                [
                  tc.list.operators[each.operator] ?? each.operator,
                  each.expected === undefined ? '' : written(each.expected),
                ]
                  .join(' ')
                  .trim(),
              )}`}
          </Text>
        ))}
      </div>
    </Group>
  );
}
