import {
  Checkbox,
  NumberInput,
  PasswordInput,
  Radio,
  Select,
  Stack,
  TagsInput,
  Textarea,
  TextInput,
} from '@mantine/core';
import type { ReactNode } from 'react';
import { tw } from '~/strings/work';
import { humanise } from '~/lib/words';
import { EntityPicker, TeamPicker } from './pickers';
import { isLong, type Field } from './schema';

/** More choices than this are offered in a list that opens. */
const manyChoices = 4;

type Props = {
  field: Field;
  value: unknown;
  error?: string;
  /** Said below the field when nothing is wrong, e.g. that a name is free. */
  hint?: ReactNode;
  onChange: (value: unknown) => void;
  onBlur: () => void;
};

/** The input for one property of the schema. */
export function SchemaField({ field, value, error, hint, onChange, onBlur }: Props) {
  const common = {
    label: field.title || humanise(field.name),
    description: <Description field={field} hint={hint} />,
    required: field.required,
    // The form says itself what is missing.
    withAsterisk: field.required,
    error,
    onBlur,
    name: field.name,
    'data-field': field.name,
  };
  const text = typeof value === 'string' ? value : value === undefined || value === null ? '' : String(value);
  if (field.enum) return <Choice field={field} value={text} common={common} onChange={onChange} />;
  if (field['x-team']) return <TeamPicker {...common} value={text} onChange={onChange} />;
  if (field['x-entity']) {
    return <EntityPicker {...common} blueprint={field['x-entity']} value={text} onChange={onChange} />;
  }
  switch (field.type) {
    case 'boolean':
      return (
        <Checkbox
          {...common}
          required={false}
          checked={value === true}
          onChange={(event) => onChange(event.currentTarget.checked)}
        />
      );
    case 'integer':
    case 'number':
      return (
        <NumberInput
          {...common}
          value={typeof value === 'number' ? value : text}
          onChange={onChange}
          allowDecimal={field.type === 'number'}
          min={field.minimum}
          max={field.maximum}
          clampBehavior="none"
          maw={220}
        />
      );
    case 'array':
      return (
        <TagsInput {...common} value={Array.isArray(value) ? value.map(String) : []} onChange={onChange} />
      );
    default:
      return <TextField field={field} value={text} common={common} onChange={onChange} />;
  }
}

type PartProps = {
  field: Field;
  value: string;
  common: Record<string, unknown>;
  onChange: (value: unknown) => void;
};

function TextField({ field, value, common, onChange }: PartProps) {
  const text = {
    ...common,
    value,
    placeholder: undefined,
    onChange: (event: { currentTarget: { value: string } }) => onChange(event.currentTarget.value),
  };
  if (field['x-secret']) return <PasswordInput {...text} autoComplete="new-password" />;
  if (isLong(field)) return <Textarea {...text} autosize minRows={2} maxRows={10} />;
  return <TextInput {...text} autoComplete="off" spellCheck={false} />;
}

function Choice({ field, value, common, onChange }: PartProps) {
  const data = (field.enum ?? []).map((each, i) => ({
    value: String(each),
    label: field['x-enum-titles']?.[i] ?? String(each),
  }));
  if (data.length > manyChoices) {
    return (
      <Select
        {...common}
        data={data}
        value={value || null}
        onChange={(next) => onChange(next ?? undefined)}
        clearable={!field.required}
        searchable
        comboboxProps={{ withinPortal: false }}
        placeholder={tw.create.choose}
      />
    );
  }
  return (
    <Radio.Group {...common} value={value} onChange={onChange}>
      <Stack gap={8} mt={6} mb={4}>
        {data.map((choice) => (
          <Radio key={choice.value} value={choice.value} label={choice.label} />
        ))}
      </Stack>
    </Radio.Group>
  );
}

function Description({ field, hint }: { field: Field; hint?: ReactNode }) {
  const parts = [
    field.description,
    field['x-example'] && tw.create.example(field['x-example'].replace(/\.$/, '')) + '.',
    field.type === 'array' && tw.create.listHint,
    field['x-secret'] && tw.create.secretHint,
  ].filter(Boolean);
  return (
    <>
      {parts.join(' ')}
      {hint}
    </>
  );
}
