import { ActionIcon, Button, Group, Select, Stack, Text, TextInput } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState, type FormEvent } from 'react';
import { plural } from '~/lib/format';
import { t } from '~/strings';
import { tc } from '~/strings/catalog';
import { Pill } from '~/ui/bits';
import { confirm } from '~/ui/confirm';
import { IconChecklist, IconPencil, IconPlus, IconTrash } from '~/ui/icons';
import { Note } from '~/ui/Note';
import { Section } from '~/ui/Section';
import { EmptyState, ErrorState, Skeletons } from '~/ui/States';
import { toastDone, toastError } from '~/ui/toast';
import css from './builder.module.css';
import type { Doc } from './document';
import { members, parts } from './document';
import { Problems } from './PreviewPanel';
import {
  alone,
  deleteScorecard,
  newRule,
  newScorecard,
  operators,
  readValue,
  saveScorecard,
  scorecardsQuery,
  valueText,
  type Condition,
  type Scorecard,
  type ScorecardRule,
} from './scorecard';

/** The scorecards of a blueprint: what its entities are measured by. */
export function Scorecards({ doc }: { doc: Doc }) {
  const bp = doc.identifier;
  const { data, error, isPending, refetch } = useQuery(scorecardsQuery(bp));
  const queryClient = useQueryClient();
  const [editing, setEditing] = useState<{ id?: string; scorecard: Scorecard }>();
  const changed = () => {
    void queryClient.invalidateQueries({ queryKey: ['blueprint', bp, 'scorecards'] });
    void queryClient.invalidateQueries({ queryKey: ['entity'] });
  };
  const remove = useMutation({
    mutationFn: (id: string) => deleteScorecard(bp, id),
    onSuccess: changed,
    onError: (reason) => toastError(reason),
  });
  if (editing) {
    return (
      <ScorecardForm
        doc={doc}
        id={editing.id}
        initial={editing.scorecard}
        onDone={() => {
          setEditing(undefined);
          changed();
        }}
        onCancel={() => setEditing(undefined)}
      />
    );
  }
  const add = (
    <Button
      size="compact-sm"
      variant="default"
      leftSection={<IconPlus size={14} />}
      onClick={() => setEditing({ scorecard: newScorecard() })}
    >
      {tc.builder.addScorecard}
    </Button>
  );
  return (
    <Section title={tc.builder.scorecards} description={tc.builder.scorecardsText} flush action={add}>
      {isPending && <Skeletons rows={3} />}
      {error && !data && <ErrorState error={error} retry={() => void refetch()} />}
      {data?.length === 0 && (
        <EmptyState
          icon={<IconChecklist size={28} />}
          title={tc.builder.noScorecards}
          text={tc.builder.noScorecardsText}
        />
      )}
      {data?.map((scorecard) => (
        <Group key={scorecard.identifier} className={css.member} justify="space-between" wrap="nowrap">
          <div style={{ minWidth: 0 }}>
            <Text size="sm" fw={550}>
              {scorecard.title}
            </Text>
            <Text size="xs" className="sph-muted">
              {plural(scorecard.rules.length, 'rule', 'rules')} ·{' '}
              {scorecard.levels.map((level) => level.title).join(' → ')}
            </Text>
          </div>
          <Group gap={4} wrap="nowrap">
            <ActionIcon
              variant="subtle"
              color="gray"
              aria-label={tc.builder.edit(scorecard.title)}
              onClick={() => setEditing({ id: scorecard.identifier, scorecard })}
            >
              <IconPencil size={16} />
            </ActionIcon>
            <ActionIcon
              variant="subtle"
              color="gray"
              aria-label={tc.builder.remove(scorecard.title)}
              onClick={() =>
                confirm({
                  title: tc.builder.deleteTitle(scorecard.title),
                  text: tc.builder.deleteScorecardText,
                  verb: tc.builder.deleteScorecard,
                  danger: true,
                  onConfirm: () => remove.mutate(scorecard.identifier),
                })
              }
            >
              <IconTrash size={16} />
            </ActionIcon>
          </Group>
        </Group>
      ))}
    </Section>
  );
}

const slug = (title: string) =>
  title
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '');

function ScorecardForm({
  doc,
  id,
  initial,
  onDone,
  onCancel,
}: {
  doc: Doc;
  id: string | undefined;
  initial: Scorecard;
  onDone: () => void;
  onCancel: () => void;
}) {
  const [scorecard, setScorecard] = useState(initial);
  const save = useMutation({
    mutationFn: () =>
      saveScorecard(
        doc.identifier,
        { ...scorecard, identifier: scorecard.identifier || slug(scorecard.title) },
        id,
      ),
    onSuccess: () => {
      toastDone(tc.builder.saved(scorecard.title));
      onDone();
    },
  });
  const setRule = (index: number, rule: ScorecardRule) =>
    setScorecard({ ...scorecard, rules: scorecard.rules.map((old, i) => (i === index ? rule : old)) });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    save.mutate();
  };
  return (
    <Section title={id === undefined ? tc.builder.addScorecard : tc.builder.edit(initial.title)}>
      <form onSubmit={submit}>
        <Stack gap="md">
          {save.error && (
            <Note tone="bad" role="alert">
              <Problems error={save.error} />
            </Note>
          )}
          <div className={css.fields}>
            <TextInput
              label={tc.builder.titleField}
              required
              value={scorecard.title}
              onChange={(event) => setScorecard({ ...scorecard, title: event.currentTarget.value })}
            />
            <TextInput
              label={tc.builder.identifier}
              placeholder={slug(scorecard.title)}
              value={scorecard.identifier}
              onChange={(event) => setScorecard({ ...scorecard, identifier: event.currentTarget.value })}
            />
          </div>
          <Group gap={6} aria-label={tc.builder.levels}>
            {scorecard.levels.map((level) => (
              <Pill key={level.title} tone="mute">
                {level.title}
              </Pill>
            ))}
          </Group>
          {scorecard.rules.map((rule, index) => (
            // A rule has no other identity while it is edited than its place.
            // oxlint-disable-next-line react/no-array-index-key
            <RuleForm
              key={index}
              doc={doc}
              rule={rule}
              levels={scorecard.levels.slice(1).map((level) => level.title)}
              onChange={(next) => setRule(index, next)}
              onRemove={() =>
                setScorecard({ ...scorecard, rules: scorecard.rules.filter((_, i) => i !== index) })
              }
            />
          ))}
          <Group justify="space-between">
            <Button
              size="compact-sm"
              variant="default"
              leftSection={<IconPlus size={14} />}
              onClick={() =>
                setScorecard({
                  ...scorecard,
                  rules: [...scorecard.rules, newRule(scorecard.rules.length + 1)],
                })
              }
            >
              {tc.builder.addRule}
            </Button>
            <Group gap="xs">
              <Button variant="default" onClick={onCancel}>
                {t.common.cancel}
              </Button>
              <Button type="submit" loading={save.isPending}>
                {tc.builder.saveScorecard}
              </Button>
            </Group>
          </Group>
        </Stack>
      </form>
    </Section>
  );
}

function RuleForm({
  doc,
  rule,
  levels,
  onChange,
  onRemove,
}: {
  doc: Doc;
  rule: ScorecardRule;
  levels: string[];
  onChange: (rule: ScorecardRule) => void;
  onRemove: () => void;
}) {
  const setCondition = (index: number, condition: Condition) =>
    onChange({
      ...rule,
      query: {
        ...rule.query,
        conditions: rule.query.conditions.map((old, i) => (i === index ? condition : old)),
      },
    });
  return (
    <fieldset className={css.rule}>
      <legend className="sph-muted">{rule.title || rule.identifier}</legend>
      <div className={css.fields}>
        <TextInput
          label={tc.builder.ruleTitle}
          required
          value={rule.title}
          onChange={(event) => onChange({ ...rule, title: event.currentTarget.value })}
        />
        <Select
          label={tc.builder.level}
          data={levels}
          allowDeselect={false}
          value={rule.level}
          onChange={(level) => onChange({ ...rule, level: level ?? rule.level })}
        />
      </div>
      {rule.query.conditions.map((condition, index) => (
        <ConditionForm
          // oxlint-disable-next-line react/no-array-index-key
          key={index}
          doc={doc}
          condition={condition}
          onChange={(next) => setCondition(index, next)}
        />
      ))}
      <Group gap="xs" mt="xs">
        <Button
          size="compact-xs"
          variant="subtle"
          onClick={() =>
            onChange({
              ...rule,
              query: {
                ...rule.query,
                conditions: [...rule.query.conditions, { property: '', operator: 'isNotEmpty' }],
              },
            })
          }
        >
          {tc.builder.addCondition}
        </Button>
        <Button size="compact-xs" variant="subtle" color="red" onClick={onRemove}>
          {tc.builder.removeRule}
        </Button>
      </Group>
    </fieldset>
  );
}

function ConditionForm({
  doc,
  condition,
  onChange,
}: {
  doc: Doc;
  condition: Condition;
  onChange: (condition: Condition) => void;
}) {
  const fields = parts.flatMap((part) =>
    Object.entries(members(doc, part)).map(([name, definition]) => ({
      value: name,
      label: definition.title || name,
      type: part === 'relations' ? undefined : definition.type,
      relation: part === 'relations',
    })),
  );
  const meta = ['$title', '$team', '$identifier', '$createdAt', '$updatedAt'].map((name) => ({
    value: name,
    label: name,
    type: undefined,
    relation: false,
  }));
  const all = [...fields, ...meta];
  const chosen = condition.relation ?? condition.property ?? '';
  const type = all.find((field) => field.value === chosen)?.type;
  return (
    <div className={css.fields} style={{ marginTop: 8 }}>
      <Select
        aria-label={tc.builder.parts.properties}
        placeholder={tc.builder.parts.properties}
        data={all.map(({ value, label }) => ({ value, label }))}
        searchable
        allowDeselect={false}
        value={chosen || null}
        onChange={(name) => {
          const field = all.find((one) => one.value === name);
          onChange({
            operator: condition.operator,
            value: condition.value,
            ...(field?.relation ? { relation: name ?? '' } : { property: name ?? '' }),
          });
        }}
      />
      <Select
        aria-label={t.catalog.operator}
        data={operators}
        allowDeselect={false}
        value={condition.operator}
        onChange={(operator) =>
          onChange({
            ...condition,
            operator: operator ?? '=',
            value: alone(operator ?? '') ? undefined : condition.value,
          })
        }
      />
      {!alone(condition.operator) && (
        <TextInput
          aria-label={t.catalog.value}
          placeholder={t.catalog.value}
          value={valueText(condition.value)}
          onChange={(event) => onChange({ ...condition, value: readValue(event.currentTarget.value, type) })}
        />
      )}
    </div>
  );
}
