import { Checkbox, NumberInput, Select, TagsInput, Textarea, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { blueprintsQuery } from '~/api/queries';
import { tc } from '~/strings/catalog';
import css from './builder.module.css';
import { change, setRequired, type Definition, type Doc, type Part } from './document';
import { enumText, readEnum } from './enumText';

const types = ['string', 'number', 'boolean', 'object', 'array'];
const formats: Record<string, string[]> = {
  string: [
    'date-time',
    'timer',
    'url',
    'email',
    'user',
    'team',
    'markdown',
    'yaml',
    'ipv4',
    'ipv6',
    'multi-line',
    'blueprints',
    'proto',
  ],
  object: ['labeled-url'],
};
const functions: Record<string, string[]> = {
  entities: ['count', 'average'],
  property: ['sum', 'average', 'min', 'max', 'median'],
};
const periods = ['hour', 'day', 'week', 'month', 'total'];

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');
const numberOf = (value: unknown): number | '' => (typeof value === 'number' ? value : '');

/** What a member is, in a few words. */
export function summaryOf(part: Part, definition: Definition, required: boolean): string {
  switch (part) {
    case 'properties': {
      const kind = [definition.type, definition.format].filter(Boolean).join(' · ');
      const values = Array.isArray(definition.enum) ? ` · ${definition.enum.length}` : '';
      return kind + values + (required ? ` · ${tc.builder.required}` : '');
    }
    case 'relations':
      return `→ ${textOf(definition.target)}${definition.many ? ` · ${tc.builder.many}` : ''}${definition.required ? ` · ${tc.builder.required}` : ''}`;
    case 'mirrorProperties':
      return textOf(definition.path);
    case 'calculationProperties':
      return definition.type ?? '';
    case 'aggregationProperties': {
      const spec = (definition.calculationSpec ?? {}) as Record<string, string>;
      return `${spec.func ?? ''} · ${textOf(definition.target)}`;
    }
  }
}

type Props = {
  doc: Doc;
  part: Part;
  name: string;
  definition: Definition;
  savedName: boolean;
  onName: (name: string) => void;
  onChange: (definition: Definition) => void;
  onDoc: (doc: Doc) => void;
};

/** The fields of one property, relation or derived property. */
export function MemberForm(props: Props) {
  const { part, name, definition, savedName, onName, onChange } = props;
  const set = (values: Record<string, unknown>) => onChange(change(definition, values));
  return (
    <div className={css.fields}>
      <NameField name={name} fixed={savedName} onName={onName} />
      <TextInput
        label={tc.builder.titleField}
        value={definition.title ?? ''}
        onChange={(event) => set({ title: event.currentTarget.value })}
      />
      {part !== 'mirrorProperties' && (
        <TextInput
          label={tc.builder.descriptionField}
          value={textOf(definition.description)}
          onChange={(event) => set({ description: event.currentTarget.value })}
        />
      )}
      {part === 'properties' && <PropertyFields {...props} set={set} />}
      {part === 'relations' && <RelationFields {...props} set={set} />}
      {part === 'mirrorProperties' && (
        <TextInput
          className={css.wide}
          label={tc.builder.path}
          description={tc.builder.pathHint}
          value={textOf(definition.path)}
          onChange={(event) => onChange({ ...definition, path: event.currentTarget.value })}
        />
      )}
      {part === 'calculationProperties' && <CalculationFields {...props} set={set} />}
      {part === 'aggregationProperties' && <AggregationFields {...props} set={set} />}
    </div>
  );
}

type FieldsProps = Props & { set: (values: Record<string, unknown>) => void };

// The name is taken over when the field is left, so that the row does not jump
// with every letter.
function NameField({
  name,
  fixed,
  onName,
}: {
  name: string;
  fixed: boolean;
  onName: (name: string) => void;
}) {
  const [text, setText] = useState(name);
  const valid = /^[A-Za-z0-9@_=\\-]+$/.test(text);
  return (
    <TextInput
      label={tc.builder.identifier}
      value={fixed ? name : text}
      readOnly={fixed}
      error={!fixed && !valid ? tc.builder.identifierProblem : undefined}
      onChange={(event) => setText(event.currentTarget.value)}
      onBlur={() => valid && text !== name && onName(text)}
    />
  );
}

function PropertyFields({ doc, name, definition, set, onDoc }: FieldsProps) {
  const type = definition.type ?? 'string';
  return (
    <>
      <Select
        label={tc.builder.type}
        data={types}
        value={type}
        allowDeselect={false}
        onChange={(value) =>
          set({ type: value, format: undefined, items: value === 'array' ? { type: 'string' } : undefined })
        }
      />
      {formats[type] && (
        <Select
          label={tc.builder.format}
          data={formats[type]}
          value={textOf(definition.format) || null}
          placeholder={tc.builder.noFormat}
          clearable
          onChange={(value) => set({ format: value ?? undefined })}
        />
      )}
      {type === 'array' && (
        <Select
          label={tc.builder.items}
          data={types.slice(0, 4)}
          value={textOf((definition.items as Definition | undefined)?.type) || 'string'}
          allowDeselect={false}
          onChange={(value) => set({ items: { type: value } })}
        />
      )}
      {type === 'number' && <Range set={set} definition={definition} low="minimum" high="maximum" />}
      {type === 'string' && !definition.enum && (
        <>
          <Range set={set} definition={definition} low="minLength" high="maxLength" />
          <TextInput
            label={tc.builder.pattern}
            description={tc.builder.patternHint}
            value={textOf(definition.pattern)}
            onChange={(event) => set({ pattern: event.currentTarget.value })}
          />
        </>
      )}
      {(type === 'string' || type === 'number') && <EnumField definition={definition} set={set} />}
      <Checkbox
        label={tc.builder.required}
        description={tc.builder.requiredHint}
        checked={doc.schema.required.includes(name)}
        onChange={(event) => onDoc(setRequired(doc, name, event.currentTarget.checked))}
      />
    </>
  );
}

function Range({
  definition,
  set,
  low,
  high,
}: Pick<FieldsProps, 'definition' | 'set'> & {
  low: 'minimum' | 'minLength';
  high: 'maximum' | 'maxLength';
}) {
  return (
    <>
      {[low, high].map((key) => (
        <NumberInput
          key={key}
          label={tc.builder[key]}
          value={numberOf(definition[key])}
          onChange={(value) => set({ [key]: typeof value === 'number' ? value : undefined })}
        />
      ))}
    </>
  );
}

function EnumField({ definition, set }: Pick<FieldsProps, 'definition' | 'set'>) {
  const [text, setText] = useState(() => enumText(definition));
  return (
    <Textarea
      className={css.wide}
      label={tc.builder.enumValues}
      description={tc.builder.enumHint}
      autosize
      minRows={2}
      maxRows={10}
      value={text}
      onChange={(event) => {
        setText(event.currentTarget.value);
        set(readEnum(event.currentTarget.value, definition.type === 'number'));
      }}
    />
  );
}

function BlueprintSelect({
  label,
  value,
  onChange,
}: {
  label: string;
  value: string;
  onChange: (value: string) => void;
}) {
  const blueprints = useQuery(blueprintsQuery).data ?? [];
  const data = blueprints.map((b) => ({ value: b.identifier, label: b.title || b.identifier }));
  if (value && !data.some((option) => option.value === value)) data.unshift({ value, label: value });
  return (
    <Select
      label={label}
      data={data}
      value={value || null}
      searchable
      allowDeselect={false}
      onChange={(next) => onChange(next ?? '')}
    />
  );
}

function RelationFields({ definition, set, onChange }: FieldsProps) {
  return (
    <>
      <BlueprintSelect
        label={tc.builder.target}
        value={textOf(definition.target)}
        onChange={(target) => set({ target })}
      />
      <Checkbox
        label={tc.builder.many}
        description={tc.builder.manyHint}
        checked={definition.many === true}
        onChange={(event) =>
          onChange({
            ...definition,
            many: event.currentTarget.checked,
            required: event.currentTarget.checked ? false : definition.required,
          })
        }
      />
      <Checkbox
        label={tc.builder.required}
        description={tc.builder.requiredHint}
        disabled={definition.many === true}
        checked={definition.required === true}
        onChange={(event) => onChange({ ...definition, required: event.currentTarget.checked })}
      />
    </>
  );
}

function CalculationFields({ definition, set, onChange }: FieldsProps) {
  return (
    <>
      <Select
        label={tc.builder.resultType}
        data={types}
        value={definition.type ?? 'string'}
        allowDeselect={false}
        onChange={(type) => set({ type, format: undefined })}
      />
      {formats[definition.type ?? 'string'] && (
        <Select
          label={tc.builder.format}
          data={formats[definition.type ?? 'string']}
          value={textOf(definition.format) || null}
          placeholder={tc.builder.noFormat}
          clearable
          onChange={(value) => set({ format: value ?? undefined })}
        />
      )}
      <Textarea
        className={`${css.wide} ${css.code}`}
        label={tc.builder.calculation}
        description={tc.builder.calculationHint}
        autosize
        minRows={3}
        maxRows={14}
        spellCheck={false}
        value={textOf(definition.calculation)}
        onChange={(event) => onChange({ ...definition, calculation: event.currentTarget.value })}
      />
    </>
  );
}

function AggregationFields({ definition, set }: FieldsProps) {
  const spec = (definition.calculationSpec ?? {}) as Record<string, string>;
  const by = spec.calculationBy === 'property' ? 'property' : 'entities';
  const filter = (Array.isArray(definition.pathFilter) ? definition.pathFilter[0] : undefined) as
    | { path?: string[]; fromBlueprint?: string }
    | undefined;
  const setSpec = (values: Record<string, string | undefined>) =>
    set({ calculationSpec: change(spec as Definition, values) });
  const [query, setQuery] = useState(() =>
    definition.query ? JSON.stringify(definition.query, null, 2) : '',
  );
  const [badQuery, setBadQuery] = useState(false);
  return (
    <>
      <BlueprintSelect
        label={tc.builder.aggregationTarget}
        value={textOf(definition.target)}
        onChange={(target) => set({ target })}
      />
      <Select
        label={tc.builder.by}
        allowDeselect={false}
        data={[
          { value: 'entities', label: tc.builder.byEntities },
          { value: 'property', label: tc.builder.byProperty },
        ]}
        value={by}
        onChange={(value) =>
          set({ calculationSpec: { calculationBy: value, func: value === 'property' ? 'sum' : 'count' } })
        }
      />
      <Select
        label={tc.builder.func}
        allowDeselect={false}
        data={functions[by]}
        value={spec.func ?? 'count'}
        onChange={(func) =>
          setSpec({
            func: func ?? undefined,
            averageOf: func === 'average' ? (spec.averageOf ?? 'day') : undefined,
          })
        }
      />
      {by === 'property' && (
        <TextInput
          label={tc.builder.ofProperty}
          value={spec.property ?? ''}
          onChange={(event) => setSpec({ property: event.currentTarget.value })}
        />
      )}
      {spec.func === 'average' && (
        <>
          <Select
            label={tc.builder.averageOf}
            allowDeselect={false}
            data={by === 'property' ? periods : periods.slice(0, 4)}
            value={spec.averageOf ?? 'day'}
            onChange={(averageOf) => setSpec({ averageOf: averageOf ?? undefined })}
          />
          <TextInput
            label={tc.builder.measureTimeBy}
            placeholder="$createdAt"
            value={spec.measureTimeBy ?? ''}
            onChange={(event) => setSpec({ measureTimeBy: event.currentTarget.value })}
          />
        </>
      )}
      <TagsInput
        className={css.wide}
        label={tc.builder.aggregationPath}
        description={tc.builder.aggregationPathHint}
        splitChars={['.', ',', ' ']}
        value={filter?.path ?? []}
        onChange={(path) =>
          set({
            pathFilter:
              path.length > 0
                ? [{ fromBlueprint: filter?.fromBlueprint ?? definition.target, path }]
                : undefined,
          })
        }
      />
      <Textarea
        className={`${css.wide} ${css.code}`}
        label={tc.builder.query}
        autosize
        minRows={2}
        maxRows={12}
        spellCheck={false}
        error={badQuery ? tc.builder.badJson : undefined}
        value={query}
        onChange={(event) => {
          const text = event.currentTarget.value;
          setQuery(text);
          try {
            set({ query: text.trim() ? (JSON.parse(text) as unknown) : undefined });
            setBadQuery(false);
          } catch {
            setBadQuery(true);
          }
        }}
      />
    </>
  );
}
