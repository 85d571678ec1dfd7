import { MultiSelect, SimpleGrid, Stack, Text, TextInput } from '@mantine/core';
import { useState, type FormEvent } from 'react';
import type { Blueprint } from '~/api/types';
import { ownFields, relationFields } from '~/features/catalog/fields';
import { RelationPicker } from '~/features/pick/RelationPicker';
import { t } from '~/strings';
import { tc } from '~/strings/catalog';
import { Section } from '~/ui/Section';
import { check, controlOf, type FormValues, type Problems } from './form';
import { PropertyControl, useTeamOptions } from './PropertyControl';

type Props = {
  id: string;
  blueprint: Blueprint;
  values: FormValues;
  /** An entity that exists keeps its identifier. */
  existing?: boolean;
  serverProblems: Problems;
  onChange: (values: FormValues, key: string) => void;
  onSubmit: () => void;
};

const wideControls = new Set(['long', 'code', 'json', 'labeled-url', 'tags']);

/** The fields of a blueprint. What is wrong is said after a field was left, or on sending. */
export function EntityForm(props: Props) {
  const { id, blueprint, values, existing, serverProblems, onChange, onSubmit } = props;
  const [left, setLeft] = useState<ReadonlySet<string>>(new Set());
  const [tried, setTried] = useState(false);
  const teams = useTeamOptions();
  const problems = check(blueprint, values);
  const errorOf = (key: string) =>
    serverProblems[key] ?? (tried || left.has(key) ? problems[key] : undefined);
  const leave = (key: string) => () => setLeft((before) => new Set(before).add(key));
  const submit = (event: FormEvent) => {
    event.preventDefault();
    setTried(true);
    const first = Object.keys(problems)[0];
    if (first === undefined) onSubmit();
    else focusField(first);
  };
  const basics = (part: Partial<FormValues>, key: string) => onChange({ ...values, ...part }, key);
  const properties = ownFields(blueprint);
  const relations = relationFields(blueprint);
  const inherited = blueprint.ownership?.type === 'Inherited';

  return (
    <form id={id} onSubmit={submit} noValidate>
      <Stack gap="md">
        <Section title={tc.form.basics}>
          <SimpleGrid cols={{ base: 1, sm: 2 }} spacing="md" py={8}>
            <TextInput
              label={tc.form.title}
              description={tc.form.titleText}
              data-field="/title"
              data-autofocus
              value={values.title}
              error={errorOf('/title')}
              onChange={(event) => basics({ title: event.currentTarget.value }, '/title')}
            />
            {!existing && (
              <TextInput
                label={tc.form.identifier}
                description={tc.form.identifierText}
                data-field="/identifier"
                classNames={{ input: 'mono' }}
                value={values.identifier}
                error={errorOf('/identifier')}
                onBlur={leave('/identifier')}
                onChange={(event) => basics({ identifier: event.currentTarget.value.trim() }, '/identifier')}
              />
            )}
            {inherited ? (
              <Text size="sm" className="sph-muted">
                {tc.form.teamInherited}
              </Text>
            ) : (
              <MultiSelect
                label={tc.form.team}
                description={tc.form.teamText}
                data-field="/team"
                data={withChosen(teams, values.team)}
                value={values.team}
                error={errorOf('/team')}
                onChange={(team) => basics({ team }, '/team')}
                searchable
                clearable
                clearButtonProps={{ 'aria-label': t.common.clearSelection }}
                comboboxProps={{ withinPortal: false }}
                placeholder={values.team.length > 0 ? undefined : tc.form.chooseMany}
                nothingFoundMessage={tc.form.nothingFound}
              />
            )}
          </SimpleGrid>
        </Section>
        {properties.length > 0 && (
          <Section title={tc.form.properties}>
            <SimpleGrid cols={{ base: 1, sm: 2 }} spacing="md" py={8}>
              {properties.map((field) => {
                const key = `/properties/${field.id}`;
                return (
                  <div
                    key={field.id}
                    style={wideControls.has(controlOf(field.property)) ? { gridColumn: '1 / -1' } : undefined}
                  >
                    <PropertyControl
                      field={field}
                      value={values.properties[field.id]}
                      error={errorOf(key)}
                      onBlur={leave(key)}
                      onChange={(value) =>
                        onChange({ ...values, properties: { ...values.properties, [field.id]: value } }, key)
                      }
                    />
                  </div>
                );
              })}
            </SimpleGrid>
          </Section>
        )}
        {relations.length > 0 && (
          <Section title={tc.form.relations}>
            <SimpleGrid cols={{ base: 1, sm: 2 }} spacing="md" py={8}>
              {relations.map((field) => {
                const key = `/relations/${field.id}`;
                const relation = field.relation!;
                const common = {
                  target: relation.target,
                  label: field.title,
                  description: relation.description || relation.target,
                  error: errorOf(key),
                  withAsterisk: field.required,
                  'data-field': key,
                  onBlur: leave(key),
                };
                const set = (value: unknown) =>
                  onChange({ ...values, relations: { ...values.relations, [field.id]: value } }, key);
                const value = values.relations[field.id];
                return relation.many ? (
                  <RelationPicker
                    key={field.id}
                    {...common}
                    many
                    value={Array.isArray(value) ? (value as string[]) : []}
                    onChange={set}
                  />
                ) : (
                  <RelationPicker
                    key={field.id}
                    {...common}
                    value={typeof value === 'string' ? value : null}
                    onChange={set}
                  />
                );
              })}
            </SimpleGrid>
          </Section>
        )}
      </Stack>
    </form>
  );
}

function withChosen(options: { value: string; label: string }[], chosen: string[]) {
  const missing = chosen.filter((name) => !options.some((option) => option.value === name));
  return [...options, ...missing.map((name) => ({ value: name, label: name }))];
}

/** Brings a field that is wrong into view, with the cursor in it. */
export function focusField(key: string): void {
  const field = document.querySelector<HTMLElement>(`[data-field="${CSS.escape(key)}"]`);
  const input = field?.matches('input, textarea')
    ? field
    : field?.querySelector<HTMLElement>('input, textarea');
  (input ?? field)?.focus();
  field?.scrollIntoView({ block: 'center' });
}
