import {
  Button,
  Fieldset,
  Group,
  MultiSelect,
  NumberInput,
  SegmentedControl,
  Select,
  Stack,
  TagsInput,
  Text,
  Textarea,
  TextInput,
  type ComboboxItem,
} from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useId, type ReactNode } from 'react';
import { blueprintsQuery, teamsQuery } from '~/api/queries';
import type { Property } from '~/api/types';
import type { Field } from '~/features/catalog/fields';
import { toneOfEnum } from '~/features/catalog/PropertyValue';
import { usersQuery } from '~/features/history/Actor';
import { t } from '~/strings';
import { tc } from '~/strings/catalog';
import { controlOf, fromLocal, JsonText, toLocal } from './form';

type Props = {
  field: Field;
  value: unknown;
  error?: string;
  onChange: (value: unknown) => void;
  onBlur?: () => void;
};
type Common = {
  label: string;
  description?: string;
  error?: string;
  withAsterisk?: boolean;
  'data-field': string;
  onBlur?: () => void;
};
type Part = Props & { common: Common };

const dropdown = { withinPortal: false };
const clearing = { 'aria-label': t.common.clearSelection };
const text = (value: unknown) => (value === undefined || value === null ? '' : String(value));
const list = (value: unknown) => (Array.isArray(value) ? value.map(String) : []);

/** The control that a property of this type and format is filled in with. */
export function PropertyControl(props: Props) {
  const { field, value, error, onChange, onBlur } = props;
  const common: Common = {
    label: field.title,
    description: field.property.description,
    error,
    withAsterisk: field.required,
    'data-field': `/properties/${field.id}`,
    onBlur,
  };
  const part = { ...props, common };
  switch (controlOf(field.property)) {
    case 'choice':
      return <Choice {...part} />;
    case 'choices':
      return <Choices {...part} />;
    case 'boolean':
      return <YesOrNo {...part} />;
    case 'number':
      return (
        <NumberInput
          {...common}
          maw={260}
          value={typeof value === 'number' ? value : text(value)}
          onChange={onChange}
          min={field.property.minimum}
          max={field.property.maximum}
          clampBehavior="none"
        />
      );
    case 'date-time':
      return (
        <TextInput
          {...common}
          type="datetime-local"
          maw={260}
          value={toLocal(value)}
          onChange={(event) => onChange(fromLocal(event.currentTarget.value))}
        />
      );
    case 'user':
    case 'users':
      return <Users {...part} />;
    case 'team':
    case 'teams':
      return <Teams {...part} />;
    case 'blueprint':
      return <Blueprints {...part} />;
    case 'labeled-url':
      return <LabeledLink {...part} />;
    case 'tags':
      return (
        <TagsInput
          {...common}
          placeholder={tc.form.addMany}
          value={list(value)}
          onChange={onChange}
          comboboxProps={dropdown}
          clearable
          clearButtonProps={clearing}
        />
      );
    case 'json':
      return <Json {...part} />;
    case 'long':
      return (
        <Textarea
          {...common}
          autosize
          minRows={3}
          maxRows={16}
          value={text(value)}
          onChange={(event) => onChange(event.currentTarget.value)}
        />
      );
    case 'code':
      return (
        <Textarea
          {...common}
          autosize
          minRows={4}
          maxRows={20}
          spellCheck={false}
          classNames={{ input: 'mono' }}
          value={text(value)}
          onChange={(event) => onChange(event.currentTarget.value)}
        />
      );
    default:
      return (
        <TextInput
          {...common}
          type={
            field.property.format === 'email' ? 'email' : field.property.format === 'url' ? 'url' : 'text'
          }
          value={text(value)}
          onChange={(event) => onChange(event.currentTarget.value)}
        />
      );
  }
}

/** A value with the colour the blueprint gives it. */
export function ColouredOption({ property, value }: { property: Property; value: string }) {
  return (
    <Group gap={8} wrap="nowrap">
      <span className="dot" style={{ color: `var(--sph-${colourOf(property, value)})` }} aria-hidden />
      <span>{value}</span>
    </Group>
  );
}

function colourOf(property: Property, value: string): string {
  const tone = toneOfEnum(property, value);
  return tone === 'mute' ? 'muted' : tone;
}

function Choice({ field: { property }, value, common, onChange }: Part) {
  const options = property.enum ?? [];
  return (
    <Select
      {...common}
      data={options.map(String)}
      value={value === undefined || value === null ? null : String(value)}
      onChange={(next) => onChange(options.find((option) => String(option) === next))}
      placeholder={tc.form.choose}
      searchable={options.length > 8}
      clearable={!common.withAsterisk}
      clearButtonProps={clearing}
      comboboxProps={dropdown}
      nothingFoundMessage={tc.form.nothingFound}
      maw={420}
      renderOption={({ option }: { option: ComboboxItem }) => (
        <ColouredOption property={property} value={option.value} />
      )}
    />
  );
}

function Choices({ field: { property }, value, common, onChange }: Part) {
  const items = property.items as Property;
  const options = items.enum ?? [];
  return (
    <MultiSelect
      {...common}
      data={options.map(String)}
      value={list(value)}
      onChange={(next) => onChange(options.filter((option) => next.includes(String(option))))}
      placeholder={list(value).length > 0 ? undefined : tc.form.chooseMany}
      searchable
      clearable
      clearButtonProps={clearing}
      comboboxProps={dropdown}
      nothingFoundMessage={tc.form.nothingFound}
      renderOption={({ option }: { option: ComboboxItem }) => (
        <ColouredOption property={items} value={option.value} />
      )}
    />
  );
}

/** A label, a hint and an error around what is not one input. */
function Around({ common, id, children }: { common: Common; id: string; children: ReactNode }) {
  return (
    <div data-field={common['data-field']} tabIndex={-1}>
      <Text size="sm" fw={500} id={id}>
        {common.label}
        {common.withAsterisk && <span style={{ color: 'var(--mantine-color-error)' }}> *</span>}
      </Text>
      {common.description && (
        <Text size="xs" className="sph-muted">
          {common.description}
        </Text>
      )}
      <div style={{ marginTop: 4 }}>{children}</div>
      {common.error && (
        <Text size="xs" c="var(--mantine-color-error)" mt={4}>
          {common.error}
        </Text>
      )}
    </div>
  );
}

function YesOrNo({ value, common, onChange }: Part) {
  const id = useId();
  return (
    <Around common={common} id={id}>
      <SegmentedControl
        size="xs"
        aria-labelledby={id}
        value={value === true ? 'true' : value === false ? 'false' : ''}
        onChange={(next) => onChange(next === '' ? undefined : next === 'true')}
        data={[
          { value: 'true', label: t.common.yes },
          { value: 'false', label: t.common.no },
          { value: '', label: tc.form.notSet },
        ]}
      />
    </Around>
  );
}

type Option = { value: string; label: string };

/** One or many of a list that fits into memory. */
function OneOrMany({ many, data, value, common, onChange }: Part & { many: boolean; data: Option[] }) {
  const chosen = many ? list(value) : text(value) ? [text(value)] : [];
  const options = [...data];
  for (const each of chosen) {
    if (!options.some((option) => option.value === each)) options.push({ value: each, label: each });
  }
  const shared = {
    ...common,
    data: options,
    searchable: true,
    clearable: true,
    clearButtonProps: clearing,
    comboboxProps: dropdown,
    limit: 50,
    nothingFoundMessage: tc.form.nothingFound,
    maw: 420,
  };
  return many ? (
    <MultiSelect
      {...shared}
      value={chosen}
      onChange={onChange}
      placeholder={chosen.length > 0 ? undefined : tc.form.chooseMany}
    />
  ) : (
    <Select
      {...shared}
      value={chosen[0] ?? null}
      onChange={(next) => onChange(next ?? undefined)}
      placeholder={tc.form.choose}
    />
  );
}

function Users(part: Part) {
  const { data = [] } = useQuery(usersQuery);
  const options = data.map((user) => ({ value: user.email, label: `${user.name} (${user.email})` }));
  return <OneOrMany {...part} many={part.field.property.type === 'array'} data={options} />;
}

export function useTeamOptions(): Option[] {
  const { data = [] } = useQuery(teamsQuery);
  return data.map((team) => ({ value: team.name, label: team.title || team.name }));
}

function Teams(part: Part) {
  return <OneOrMany {...part} many={part.field.property.type === 'array'} data={useTeamOptions()} />;
}

function Blueprints(part: Part) {
  const { data = [] } = useQuery(blueprintsQuery);
  const options = data.map(({ identifier, title }) => ({ value: identifier, label: title || identifier }));
  return <OneOrMany {...part} many={false} data={options} />;
}

function LabeledLink({ value, common, onChange }: Part) {
  const link = (value ?? {}) as { url?: string; displayText?: string };
  return (
    <Fieldset
      legend={`${common.label}${common.withAsterisk ? ' *' : ''}`}
      variant="unstyled"
      data-field={common['data-field']}
    >
      {common.description && (
        <Text size="xs" className="sph-muted">
          {common.description}
        </Text>
      )}
      <Group grow gap="xs" align="flex-start" mt={4}>
        <TextInput
          type="url"
          aria-label={tc.form.of(tc.form.linkAddress, common.label)}
          placeholder={tc.form.linkAddress}
          value={link.url ?? ''}
          error={common.error}
          onBlur={common.onBlur}
          onChange={(event) => onChange({ ...link, url: event.currentTarget.value })}
        />
        <TextInput
          aria-label={tc.form.of(tc.form.linkText, common.label)}
          placeholder={tc.form.linkText}
          value={link.displayText ?? ''}
          onChange={(event) => onChange({ ...link, displayText: event.currentTarget.value })}
        />
      </Group>
    </Fieldset>
  );
}

function Json({ field, value, common, onChange }: Part) {
  const shown = value instanceof JsonText ? value.text : '';
  const kind = field.property.type === 'array' ? tc.form.array : tc.form.object;
  const tidy = () => {
    try {
      onChange(new JsonText(JSON.stringify(JSON.parse(shown), null, 2)));
    } catch {
      common.onBlur?.(); // What is wrong is said below the field.
    }
  };
  return (
    <Stack gap={4}>
      <Textarea
        {...common}
        description={common.description ?? tc.form.jsonHint(kind)}
        autosize
        minRows={3}
        maxRows={20}
        spellCheck={false}
        classNames={{ input: 'mono' }}
        value={shown}
        onChange={(event) => onChange(new JsonText(event.currentTarget.value))}
      />
      {shown.trim() !== '' && (
        <Group justify="flex-end">
          <Button size="compact-xs" variant="subtle" onClick={tidy}>
            {tc.form.tidy}
          </Button>
        </Group>
      )}
    </Stack>
  );
}
