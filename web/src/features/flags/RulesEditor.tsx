import { ActionIcon, Button, Group, Text, TextInput } from '@mantine/core';
import type { ReactNode } from 'react';
import { tf } from '~/strings/flags';
import { IconCopy, IconPlus, IconTrash } from '~/ui/icons';
import { ConditionsEditor } from './ConditionsEditor';
import css from './flags.module.css';
import { newRule, type Rule, type Variation } from './model';
import { ServeEditor, type Known } from './ServeEditor';
import { moved, Sortable } from './Sortable';
import { rampText, ruleText } from './words';

const e = tf.editor;

type Props = {
  rules: Rule[];
  onChange: (rules: Rule[]) => void;
  variations: Variation[];
  fallback: string;
  off: string;
  segments: { key: string; title: string }[];
  attributes?: string[];
  known?: Known;
  disabled?: boolean;
  strict?: boolean;
};

/** The rules in their order: the first that fits decides. */
export function RulesEditor(props: Props) {
  const { rules, onChange, variations, disabled } = props;
  const nameOf = (rule: Rule, index: number) => rule.name || e.rule(index + 1);
  const key = (rule: Rule) => rule.id ?? JSON.stringify(rule.conditions);
  return (
    <div className={css.stack}>
      <Sortable
        items={rules}
        itemKey={key}
        itemName={nameOf}
        label={e.rules}
        disabled={disabled || rules.length < 2}
        onMove={(from, to) => onChange(moved(rules, from, to))}
      >
        {(rule, index, handle) => (
          <RuleCard
            {...props}
            rule={rule}
            name={nameOf(rule, index)}
            place={index + 1}
            handle={handle}
            onRule={(next) => onChange(rules.map((each, i) => (i === index ? next : each)))}
            onRemove={() => onChange(rules.filter((_, i) => i !== index))}
            onCopy={() =>
              onChange([
                ...rules.slice(0, index + 1),
                { ...structuredClone(rule), id: newRule('').id },
                ...rules.slice(index + 1),
              ])
            }
          />
        )}
      </Sortable>
      {!disabled && (
        <Button
          variant="default"
          size="sm"
          className={css.start}
          leftSection={<IconPlus size={16} />}
          onClick={() => onChange([...rules, newRule(variations[0]?.name ?? '')])}
        >
          {e.addRule}
        </Button>
      )}
    </div>
  );
}

function RuleCard(
  props: Props & {
    rule: Rule;
    name: string;
    place: number;
    handle: ReactNode;
    onRule: (rule: Rule) => void;
    onRemove: () => void;
    onCopy: () => void;
  },
) {
  const { rule, name, place, handle, onRule, onRemove, onCopy, variations, fallback, off, disabled } = props;
  return (
    <article className={css.rule} aria-label={name}>
      <div className={css.ruleHead}>
        {handle}
        <span className={css.place} aria-hidden>
          {place}
        </span>
        <TextInput
          size="xs"
          variant="unstyled"
          className={css.grow}
          aria-label={`${e.ruleName} ${place}`}
          placeholder={`${e.rule(place)} (${e.ruleNameHint})`}
          disabled={disabled}
          maxLength={200}
          value={rule.name ?? ''}
          onChange={(event) => onRule({ ...rule, name: event.currentTarget.value || undefined })}
        />
        {!disabled && (
          <Group gap={2} wrap="nowrap">
            <ActionIcon variant="subtle" color="gray" aria-label={e.duplicateRule(name)} onClick={onCopy}>
              <IconCopy size={15} />
            </ActionIcon>
            <ActionIcon variant="subtle" color="gray" aria-label={e.removeRule(name)} onClick={onRemove}>
              <IconTrash size={15} />
            </ActionIcon>
          </Group>
        )}
      </div>
      <div className={css.ruleBody}>
        <ConditionsEditor
          conditions={rule.conditions}
          segments={props.segments}
          attributes={props.attributes}
          disabled={disabled}
          strict={props.strict}
          onChange={(conditions) => onRule({ ...rule, conditions })}
        />
        <div className={css.condition}>
          <Text size="sm" className={`sph-muted ${css.conditionWord}`}>
            {e.serve}
          </Text>
          <div className={css.grow}>
            <ServeEditor
              serve={rule.serve}
              variations={variations}
              fallback={fallback}
              off={off}
              disabled={disabled}
              label={name}
              onChange={(serve) => onRule({ ...rule, serve })}
            />
          </div>
        </div>
        <Text size="sm" className={css.sentence}>
          {ruleText(rule, fallback)}
          {rampText(rule.serve) && `. ${rampText(rule.serve)}`}
        </Text>
      </div>
    </article>
  );
}
