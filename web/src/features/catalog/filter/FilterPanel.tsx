import { ActionIcon, Button, Group, NativeSelect, Select, Stack, Text } from '@mantine/core';
import { useMemo, useState } from 'react';
import type { Blueprint } from '~/api/types';
import { tc } from '~/strings/catalog';
import { IconPlus, IconX } from '~/ui/icons';
import { allFields, type Field } from '../fields';
import {
  deepestGroup,
  fieldOf,
  finished,
  isGroup,
  operatorsFor,
  ruleOn,
  ruleText,
  valueKind,
  type QueryGroup,
  type QueryNode,
  type QueryRule,
} from '../query';
import css from './FilterPanel.module.css';
import { RuleValue } from './RuleValue';

type Props = {
  blueprint: Blueprint;
  filter: QueryGroup | undefined;
  onChange: (filter: QueryGroup | undefined) => void;
};

const blankGroup = (): QueryGroup => ({ combinator: 'and', rules: [] });

/** Conditions with And and Or; those that are finished filter at once. */
export function FilterPanel({ blueprint, filter, onChange }: Props) {
  const fields = useMemo(() => allFields(blueprint), [blueprint]);
  const [draft, setDraft] = useState<QueryGroup>(
    () => filter ?? { combinator: 'and', rules: [ruleOn(fields[0]!)] },
  );
  const change = (next: QueryGroup) => {
    setDraft(next);
    const done = finished(next);
    if (JSON.stringify(done) !== JSON.stringify(filter ?? blankGroup())) {
      onChange(done.rules.length > 0 ? done : undefined);
    }
  };
  return (
    <section className={`sph-card ${css.panel}`} aria-label={tc.list.filter}>
      <GroupEditor blueprint={blueprint} fields={fields} group={draft} depth={1} onChange={change} />
    </section>
  );
}

type GroupProps = {
  blueprint: Blueprint;
  fields: Field[];
  group: QueryGroup;
  depth: number;
  onChange: (group: QueryGroup) => void;
  onRemove?: () => void;
};

function GroupEditor({ blueprint, fields, group, depth, onChange, onRemove }: GroupProps) {
  const replace = (at: number, node: QueryNode | undefined) =>
    onChange({ ...group, rules: group.rules.flatMap((each, i) => (i === at ? (node ?? []) : each)) });
  const add = (node: QueryNode) => onChange({ ...group, rules: [...group.rules, node] });
  return (
    <Stack gap={8} className={depth > 1 ? css.group : undefined}>
      <Group gap="xs" justify="space-between">
        <Group gap={8}>
          {depth === 1 && <Text size="sm">{tc.list.filterTitle}</Text>}
          <NativeSelect
            size="xs"
            aria-label={tc.list.match}
            value={group.combinator}
            onChange={(event) =>
              onChange({ ...group, combinator: event.currentTarget.value as 'and' | 'or' })
            }
            data={[
              { value: 'and', label: tc.list.allOf },
              { value: 'or', label: tc.list.anyOf },
            ]}
          />
        </Group>
        {onRemove && (
          <ActionIcon variant="subtle" color="gray" aria-label={tc.list.removeGroup} onClick={onRemove}>
            <IconX size={14} />
          </ActionIcon>
        )}
      </Group>
      {group.rules.map((node, i) =>
        isGroup(node) ? (
          <GroupEditor
            key={i}
            blueprint={blueprint}
            fields={fields}
            group={node}
            depth={depth + 1}
            onChange={(next) => replace(i, next)}
            onRemove={() => replace(i, undefined)}
          />
        ) : (
          <RuleEditor
            key={i}
            blueprint={blueprint}
            fields={fields}
            rule={node}
            onChange={(next) => replace(i, next)}
            onRemove={() => replace(i, undefined)}
          />
        ),
      )}
      <Group gap={4}>
        <Button
          size="compact-sm"
          variant="subtle"
          leftSection={<IconPlus size={14} aria-hidden />}
          onClick={() => add(ruleOn(fields[0]!))}
        >
          {tc.list.addRule}
        </Button>
        {depth < deepestGroup && (
          <Button
            size="compact-sm"
            variant="subtle"
            onClick={() =>
              add({ combinator: group.combinator === 'and' ? 'or' : 'and', rules: [ruleOn(fields[0]!)] })
            }
          >
            {tc.list.addGroup}
          </Button>
        )}
      </Group>
    </Stack>
  );
}

const keyOf = (field: Field) => `${field.kind === 'relation' ? 'r' : 'p'}:${field.id}`;
const groupOf = (field: Field) =>
  field.kind === 'own' || field.kind === 'meta' || field.kind === 'relation' ? field.kind : 'derived';

function RuleEditor(props: {
  blueprint: Blueprint;
  fields: Field[];
  rule: QueryRule;
  onChange: (rule: QueryRule) => void;
  onRemove: () => void;
}) {
  const { blueprint, fields, rule, onChange, onRemove } = props;
  const field = fieldOf(fields, rule);
  const known = field && operatorsFor(field);
  const remove = (
    <ActionIcon
      variant="subtle"
      color="gray"
      aria-label={tc.list.removeRule(ruleText(blueprint, rule))}
      onClick={onRemove}
    >
      <IconX size={14} />
    </ActionIcon>
  );
  if (!field || !known) {
    return (
      <Group gap="xs" justify="space-between">
        <Text size="sm">
          <span className="sph-muted">{tc.list.madeElsewhere}</span> {ruleText(blueprint, rule)}
        </Text>
        {remove}
      </Group>
    );
  }
  const operators = known.includes(rule.operator) ? known : [...known, rule.operator];
  const groups = [...new Set(fields.map(groupOf))];
  const date = field.property.format === 'date-time' || field.property.format === 'timer';
  return (
    <div className={css.rule}>
      <Select
        size="sm"
        aria-label={tc.list.field}
        searchable
        allowDeselect={false}
        comboboxProps={{ width: 260, position: 'bottom-start' }}
        data={groups.map((group) => ({
          group: tc.list.fieldGroups[group]!,
          items: fields
            .filter((each) => groupOf(each) === group)
            .map((each) => ({ value: keyOf(each), label: each.title })),
        }))}
        value={keyOf(field)}
        onChange={(key) => {
          const next = fields.find((each) => keyOf(each) === key);
          if (next) onChange(ruleOn(next));
        }}
      />
      <NativeSelect
        size="sm"
        aria-label={tc.list.condition}
        value={rule.operator}
        onChange={(event) => {
          const operator = event.currentTarget.value;
          const keeps = valueKind(operator) === valueKind(rule.operator);
          onChange({ ...rule, operator, value: keeps ? rule.value : undefined });
        }}
        data={operators.map((operator) => ({
          value: operator,
          label:
            (date ? tc.list.dateOperators[operator] : undefined) ?? tc.list.operators[operator] ?? operator,
        }))}
      />
      <RuleValue field={field} rule={rule} onChange={(value) => onChange({ ...rule, value })} />
      {remove}
    </div>
  );
}
