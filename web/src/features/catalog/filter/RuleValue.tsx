import { Group, MultiSelect, NativeSelect, NumberInput, Select, TagsInput, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';
import { teamsQuery } from '~/api/queries';
import type { Property } from '~/api/types';
import { fromLocal, toLocal } from '~/features/entityForm/form';
import { RelationPicker } from '~/features/pick/RelationPicker';
import { t } from '~/strings';
import { tc } from '~/strings/catalog';
import type { Field } from '../fields';
import { valueKind, type QueryRule } from '../query';

type Props = { field: Field; rule: QueryRule; onChange: (value: unknown) => void };

const typingMillis = 300;
const clearing = { 'aria-label': t.common.clearSelection };
/** What the server takes for all teams of who asks. */
const myTeams = 'My Teams';

/** What a condition compares with: a control for the field's type and the condition. */
export function RuleValue({ field, rule, onChange }: Props) {
  const kind = valueKind(rule.operator);
  const { property } = field;
  if (kind === 'none') return <span />;
  if (kind === 'span') return <Span value={rule.value} onChange={onChange} />;
  if (field.kind === 'relation') {
    return (
      <RelationPicker
        many
        aria-label={tc.list.value}
        size="sm"
        target={field.relation!.target}
        value={texts(rule.value)}
        onChange={onChange}
      />
    );
  }
  if (field.id === '$team' || itemsOf(property).format === 'team')
    return <Teams value={rule.value} onChange={onChange} />;
  if (property.type === 'boolean') {
    return (
      <NativeSelect
        size="sm"
        maw={140}
        aria-label={tc.list.value}
        value={rule.value === undefined ? '' : String(rule.value)}
        onChange={(event) =>
          onChange(event.currentTarget.value === '' ? undefined : event.currentTarget.value === 'true')
        }
        data={[
          { value: '', label: tc.form.choose },
          { value: 'true', label: t.common.yes },
          { value: 'false', label: t.common.no },
        ]}
      />
    );
  }
  const options = property.enum ?? itemsOf(property).enum;
  if (kind === 'list') {
    if (!options)
      return <Words numbers={property.type === 'number'} value={rule.value} onChange={onChange} />;
    return (
      <MultiSelect
        size="sm"
        aria-label={tc.list.value}
        placeholder={texts(rule.value).length > 0 ? undefined : tc.form.choose}
        data={options.map(String)}
        value={texts(rule.value)}
        onChange={(next) => onChange(options.filter((option) => next.includes(String(option))))}
        clearable
        clearButtonProps={clearing}
      />
    );
  }
  if (options) {
    return (
      <Select
        size="sm"
        aria-label={tc.list.value}
        placeholder={tc.form.choose}
        data={options.map(String)}
        value={rule.value === undefined ? null : String(rule.value)}
        onChange={(next) => onChange(options.find((option) => String(option) === next))}
      />
    );
  }
  if (property.type === 'number') {
    return (
      <NumberInput
        size="sm"
        maw={180}
        aria-label={tc.list.value}
        value={typeof rule.value === 'number' ? rule.value : ''}
        onChange={(next) => onChange(typeof next === 'number' ? next : undefined)}
      />
    );
  }
  if (property.format === 'date-time' || property.format === 'timer') {
    return (
      <TextInput
        size="sm"
        type="datetime-local"
        maw={240}
        aria-label={tc.list.value}
        value={toLocal(rule.value)}
        onChange={(event) => onChange(fromLocal(event.currentTarget.value))}
      />
    );
  }
  return <Word value={rule.value} onChange={onChange} />;
}

const itemsOf = (property: Property) => (property.items ?? {}) as Property;
const texts = (value: unknown) => (Array.isArray(value) ? value.map(String) : []);

/** Text is asked for when typing pauses, not with every key. */
function Word({ value, onChange }: { value: unknown; onChange: (value: unknown) => void }) {
  const [text, setText] = useState(typeof value === 'string' ? value : '');
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  return (
    <TextInput
      size="sm"
      aria-label={tc.list.value}
      value={text}
      onChange={(event) => {
        const next = event.currentTarget.value;
        setText(next);
        clearTimeout(timer.current);
        timer.current = setTimeout(() => onChange(next || undefined), typingMillis);
      }}
    />
  );
}

function Words({
  numbers,
  value,
  onChange,
}: {
  numbers: boolean;
  value: unknown;
  onChange: (value: unknown) => void;
}) {
  return (
    <TagsInput
      size="sm"
      aria-label={tc.list.value}
      placeholder={tc.form.addMany}
      value={texts(value)}
      onChange={(next) => onChange(numbers ? next.map(Number).filter((n) => !Number.isNaN(n)) : next)}
      clearable
      clearButtonProps={clearing}
    />
  );
}

function Teams({ value, onChange }: { value: unknown; onChange: (value: unknown) => void }) {
  const { data = [] } = useQuery(teamsQuery);
  return (
    <MultiSelect
      size="sm"
      aria-label={tc.list.value}
      placeholder={texts(value).length > 0 ? undefined : tc.form.choose}
      data={[
        { value: myTeams, label: tc.list.myTeams },
        ...data.map((team) => ({ value: team.name, label: team.title || team.name })),
      ]}
      value={texts(value)}
      onChange={onChange}
      searchable
      clearable
      clearButtonProps={clearing}
    />
  );
}

type SpanValue = { preset?: string; from?: string; to?: string };

function Span({ value, onChange }: { value: unknown; onChange: (value: unknown) => void }) {
  const span = (value ?? {}) as SpanValue;
  const own = !span.preset && (span.from !== undefined || span.to !== undefined);
  const [showsOwn, setShowsOwn] = useState(own);
  const set = (part: SpanValue) => {
    const next = { from: span.from, to: span.to, ...part };
    onChange(next.from || next.to ? next : undefined);
  };
  return (
    <Group gap={8}>
      <NativeSelect
        size="sm"
        aria-label={tc.list.period}
        value={showsOwn ? 'own' : (span.preset ?? '')}
        onChange={(event) => {
          const preset = event.currentTarget.value;
          setShowsOwn(preset === 'own');
          onChange(preset === 'own' || preset === '' ? undefined : { preset });
        }}
        data={[
          { value: '', label: tc.form.choose },
          ...Object.entries(tc.list.presets).map(([preset, label]) => ({ value: preset, label })),
          { value: 'own', label: tc.list.own },
        ]}
      />
      {showsOwn && (
        <>
          <TextInput
            size="sm"
            type="datetime-local"
            aria-label={tc.list.from}
            value={toLocal(span.from)}
            onChange={(event) => set({ from: fromLocal(event.currentTarget.value) })}
          />
          <TextInput
            size="sm"
            type="datetime-local"
            aria-label={tc.list.to}
            value={toLocal(span.to)}
            onChange={(event) => set({ to: fromLocal(event.currentTarget.value) })}
          />
        </>
      )}
    </Group>
  );
}
