import { ActionIcon, Autocomplete, Button, Code, Group, Select, TagsInput, Text } from '@mantine/core';
import { tf } from '~/strings/flags';
import { IconPlus, IconX } from '~/ui/icons';
import css from './flags.module.css';
import { conditionProblem, operators, userKey, type Condition, type Operator } from './model';
import { operatorText } from './words';

const e = tf.editor;
const numeric = new Set<string>(['greater', 'atLeast', 'less', 'atMost']);

/** Attributes that most contexts have; any other can be typed. */
const usual = [userKey, 'accountId', 'email', 'plan', 'country', 'region', 'version'];

// The choices are the comparisons and their opposites: "is", "!is".
const choices = operators.flatMap((operator) => [
  { value: operator as string, label: operatorText({ operator }) },
  { value: `!${operator}`, label: operatorText({ operator, not: true }) },
]);

/** Reads a value as it was typed: numbers and true or false are not texts. */
export function typedValue(text: string, operator: Operator): unknown {
  const trimmed = text.trim();
  if (/^".*"$/.test(trimmed)) return trimmed.slice(1, -1);
  if (trimmed === 'true' || trimmed === 'false') return trimmed === 'true';
  if (numeric.has(operator) && trimmed !== '' && Number.isFinite(Number(trimmed))) return Number(trimmed);
  return trimmed;
}

const shownValue = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value));

type Props = {
  conditions: Condition[];
  onChange: (conditions: Condition[]) => void;
  /** The segments of the project; none may be named where they are made. */
  segments?: { key: string; title: string }[];
  attributes?: string[];
  /** The word between two conditions. */
  between?: string;
  disabled?: boolean;
  /** Problems are shown once somebody tried to save. */
  strict?: boolean;
};

/** Conditions on any attribute, and on segments, as sentences. */
export function ConditionsEditor(props: Props) {
  const { conditions, onChange, segments = [], disabled, between = e.and } = props;
  const change = (at: number, next: Condition) =>
    onChange(conditions.map((each, i) => (i === at ? next : each)));
  return (
    <div className={css.conditions}>
      {conditions.map((condition, i) => (
        // Conditions have no name of their own; their place is what they are known by.
        <div key={i} className={css.condition}>
          <Text size="sm" className={`sph-muted ${css.conditionWord}`}>
            {i === 0 ? e.when : between}
          </Text>
          <ConditionFields {...props} condition={condition} onCondition={(next) => change(i, next)} />
          {!disabled && conditions.length > 1 && (
            <ActionIcon
              variant="subtle"
              color="gray"
              size="md"
              aria-label={`${e.removeCondition} ${i + 1}`}
              onClick={() => onChange(conditions.filter((_, n) => n !== i))}
            >
              <IconX size={14} />
            </ActionIcon>
          )}
        </div>
      ))}
      {!disabled && (
        <Group gap="xs">
          <Button
            size="compact-sm"
            variant="subtle"
            leftSection={<IconPlus size={14} />}
            onClick={() => onChange([...conditions, { attribute: '', operator: 'is', values: [] }])}
          >
            {e.addCondition}
          </Button>
          {segments.length > 0 && (
            <Button
              size="compact-sm"
              variant="subtle"
              leftSection={<IconPlus size={14} />}
              onClick={() =>
                onChange([
                  ...conditions.filter((each) => !isBlank(each)),
                  { operator: 'segment', segment: segments[0]!.key },
                ])
              }
            >
              {e.addSegment}
            </Button>
          )}
        </Group>
      )}
    </div>
  );
}

/** A condition nobody has filled in yet. */
function isBlank(condition: Condition): boolean {
  return condition.operator === 'is' && !condition.values?.length;
}

function ConditionFields(props: Props & { condition: Condition; onCondition: (next: Condition) => void }) {
  const { condition, onCondition, segments = [], attributes = [], disabled, strict } = props;
  const problem = strict ? conditionProblem(condition) : undefined;
  if (condition.operator === 'raw') return <Code block>{JSON.stringify(condition.raw)}</Code>;
  if (condition.operator === 'segment') {
    return (
      <div className={css.conditionFields}>
        <Select
          size="xs"
          w={180}
          aria-label={e.operator}
          disabled={disabled}
          allowDeselect={false}
          data={[
            { value: 'in', label: e.inSegment },
            { value: 'out', label: e.notInSegment },
          ]}
          value={condition.not ? 'out' : 'in'}
          onChange={(value) => onCondition({ ...condition, not: value === 'out' || undefined })}
        />
        <Select
          size="xs"
          className={css.grow}
          aria-label={e.segment}
          disabled={disabled}
          allowDeselect={false}
          data={segments.map((each) => ({ value: each.key, label: each.title || each.key }))}
          value={condition.segment ?? null}
          onChange={(segment) => onCondition({ ...condition, segment: segment ?? undefined })}
        />
      </div>
    );
  }
  const setOperator = (choice: string | null) => {
    if (!choice) return;
    const operator = choice.replace('!', '') as Operator;
    onCondition({
      ...condition,
      operator,
      not: choice.startsWith('!') || undefined,
      values:
        operator === 'exists'
          ? undefined
          : (condition.values ?? []).map((value) => typedValue(shownValue(value), operator)),
    });
  };
  return (
    <div className={css.conditionFields}>
      <Autocomplete
        size="xs"
        w={150}
        aria-label={e.attribute}
        placeholder={e.attribute}
        disabled={disabled}
        data={[...new Set([...usual, ...attributes])]}
        value={condition.attribute ?? ''}
        error={problem === 'attribute'}
        onChange={(attribute) => onCondition({ ...condition, attribute })}
      />
      <Select
        size="xs"
        w={170}
        aria-label={e.operator}
        disabled={disabled}
        allowDeselect={false}
        data={choices}
        value={`${condition.not ? '!' : ''}${condition.operator}`}
        onChange={setOperator}
        maxDropdownHeight={320}
      />
      {condition.operator !== 'exists' && (
        <TagsInput
          size="xs"
          className={css.grow}
          aria-label={e.values}
          placeholder={condition.values?.length ? undefined : valueHint(condition.operator)}
          disabled={disabled}
          splitChars={[',', '\n', ';']}
          acceptValueOnBlur
          clearable={false}
          value={(condition.values ?? []).map(shownValue)}
          error={problem === 'values' ? e.valuesMissing : undefined}
          onChange={(values) =>
            onCondition({ ...condition, values: values.map((each) => typedValue(each, condition.operator)) })
          }
        />
      )}
    </div>
  );
}

function valueHint(operator: Operator): string {
  if (operator === 'version') return e.versionHint;
  if (operator === 'after' || operator === 'before') return e.timeHint;
  return e.valuesHint;
}
