import { ActionIcon, Button, Group, Select, Stack, Text } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { call } from '~/api/client';
import { isApiError } from '~/api/errors';
import type { Blueprint } from '~/api/types';
import { ChangeTable } from '~/features/entityForm/ChangeTable';
import { sent } from '~/features/entityForm/form';
import { PropertyControl } from '~/features/entityForm/PropertyControl';
import { RelationPicker } from '~/features/pick/RelationPicker';
import { count, plural } from '~/lib/format';
import { tc } from '~/strings/catalog';
import { Dialog } from '~/ui/Dialog';
import { EntityLink } from '~/ui/EntityLink';
import { IconX } from '~/ui/icons';
import { Note } from '~/ui/Note';
import { toastDone } from '~/ui/toast';
import { isEmpty, metaFields, ownFields, relationFields, same, type Field } from './fields';

/** What the server changes at once at most. */
export const bulkAtMost = 1000;
const shownEntities = 20;

type Values = Record<string, unknown>;
type Change = { identifier: string; before: Values; after: Values };
type Failure = { identifier: string; message?: string; error?: string };
type Answer = { changes: Change[]; failures: Failure[] };

type Props = { blueprint: Blueprint; identifiers: string[]; onClose: () => void };

/** The fields that can be set on many at once. */
export function settable(blueprint: Blueprint): Field[] {
  const direct = blueprint.ownership?.type !== 'Inherited';
  return [
    ...metaFields.filter((field) => field.id === '$team' && direct),
    ...ownFields(blueprint),
    ...relationFields(blueprint),
  ];
}

/** What is sent: only the chosen fields; an empty one clears. */
export function setOf(fields: Field[], values: Values): object {
  const properties: Values = {};
  const relations: Values = {};
  let team: unknown;
  for (const field of fields) {
    const value = values[field.id];
    if (field.id === '$team') team = value ?? [];
    else if (field.kind === 'relation')
      relations[field.id] = isEmpty(value) ? (field.relation?.many ? [] : null) : value;
    else properties[field.id] = sent(field.property, value) ?? null;
  }
  return {
    ...(team === undefined ? {} : { team }),
    ...(Object.keys(properties).length > 0 ? { properties } : {}),
    ...(Object.keys(relations).length > 0 ? { relations } : {}),
  };
}

/** A field's value in what the server says of an entity before or after. */
function read(state: Values, field: Field): unknown {
  const part = (name: string) => (state[name] ?? {}) as Values;
  if (field.id === '$team') return state.team ?? state.$team;
  const group = field.kind === 'relation' ? 'relations' : 'properties';
  return state[`${group}.${field.id}`] ?? part(group)[field.id] ?? state[field.id];
}

/** Sets fields of many entities: first what would change, then the change. */
export function BulkEdit({ blueprint, identifiers, onClose }: Props) {
  const queryClient = useQueryClient();
  const all = useMemo(() => settable(blueprint), [blueprint]);
  const [fields, setFields] = useState<Field[]>([]);
  const [values, setValues] = useState<Values>({});
  const [preview, setPreview] = useState<Answer>();
  const [result, setResult] = useState<Answer>();
  const ask = (dryRun: boolean) =>
    call<Answer>(
      'POST',
      '/v1/blueprints/{bp}/bulk-edit',
      { path: { bp: blueprint.identifier } },
      { identifiers, set: setOf(fields, values), dryRun },
    );
  const dryRun = useMutation({ mutationFn: () => ask(true), onSuccess: setPreview });
  const apply = useMutation({
    mutationFn: () => ask(false),
    onSuccess: (answer) => {
      void queryClient.invalidateQueries({ queryKey: ['entity'] });
      if (answer.failures.length > 0) return setResult(answer);
      toastDone(tc.list.applied(plural(answer.changes.length, 'entity', 'entities')));
      onClose();
    },
  });
  const what = plural(identifiers.length, 'entity', 'entities');
  const error = dryRun.error ?? apply.error;
  return (
    <Dialog opened onClose={onClose} title={tc.list.bulkTitle(what)} size="xl">
      <Stack gap="md">
        {result ? (
          <Result result={result} blueprint={blueprint.identifier} />
        ) : preview ? (
          <Preview preview={preview} blueprint={blueprint.identifier} fields={fields} />
        ) : (
          <Fields
            all={all}
            fields={fields}
            values={values}
            onFields={setFields}
            onValue={(id, value) => setValues((before) => ({ ...before, [id]: value }))}
          />
        )}
        {error && (
          <Note tone="bad" role="alert">
            {error.message}
            {isApiError(error) &&
              error.details.map((d) => (
                <div key={`${d.field} ${d.problem}`}>
                  {d.field} {d.problem}
                  {d.expected && ` (${d.expected})`}
                </div>
              ))}
          </Note>
        )}
        <Group justify="flex-end" gap="xs">
          {result ? (
            <Button onClick={onClose}>{tc.list.close}</Button>
          ) : preview ? (
            <>
              <Button variant="default" onClick={() => setPreview(undefined)}>
                {tc.list.back}
              </Button>
              <Button
                disabled={preview.changes.length === 0}
                loading={apply.isPending}
                onClick={() => apply.mutate()}
              >
                {tc.list.apply(plural(preview.changes.length, 'entity', 'entities'))}
              </Button>
            </>
          ) : (
            <>
              <Button variant="default" onClick={onClose}>
                {tc.form.cancel}
              </Button>
              <Button
                disabled={fields.length === 0}
                loading={dryRun.isPending}
                onClick={() => dryRun.mutate()}
              >
                {tc.list.preview}
              </Button>
            </>
          )}
        </Group>
      </Stack>
    </Dialog>
  );
}

function Fields(props: {
  all: Field[];
  fields: Field[];
  values: Values;
  onFields: (fields: Field[]) => void;
  onValue: (id: string, value: unknown) => void;
}) {
  const { all, fields, values, onFields, onValue } = props;
  const left = all.filter((field) => !fields.includes(field));
  return (
    <Stack gap="sm">
      {fields.map((field) => (
        <Group key={field.id} gap="xs" align="flex-start" wrap="nowrap">
          <div style={{ flex: 1, minWidth: 0 }}>
            <Control field={field} value={values[field.id]} onChange={(value) => onValue(field.id, value)} />
          </div>
          <ActionIcon
            mt={26}
            variant="subtle"
            color="gray"
            aria-label={tc.list.removeField(field.title)}
            onClick={() => onFields(fields.filter((each) => each !== field))}
          >
            <IconX size={14} />
          </ActionIcon>
        </Group>
      ))}
      <Select
        key={fields.length}
        data-autofocus
        label={tc.list.addField}
        description={fields.length > 0 ? tc.list.clearValue : undefined}
        placeholder={tc.form.choose}
        searchable
        data={left.map((field) => ({ value: field.id, label: field.title }))}
        value={null}
        onChange={(id) => {
          const field = left.find((each) => each.id === id);
          if (field) onFields([...fields, field]);
        }}
        comboboxProps={{ withinPortal: false }}
        nothingFoundMessage={tc.form.nothingFound}
      />
    </Stack>
  );
}

function Control({
  field,
  value,
  onChange,
}: {
  field: Field;
  value: unknown;
  onChange: (value: unknown) => void;
}) {
  if (field.kind === 'relation') {
    const common = { target: field.relation!.target, label: field.title };
    return field.relation!.many ? (
      <RelationPicker
        {...common}
        many
        value={Array.isArray(value) ? (value as string[]) : []}
        onChange={onChange}
      />
    ) : (
      <RelationPicker {...common} value={typeof value === 'string' ? value : null} onChange={onChange} />
    );
  }
  return <PropertyControl field={{ ...field, required: false }} value={value} onChange={onChange} />;
}

function Preview({ preview, blueprint, fields }: { preview: Answer; blueprint: string; fields: Field[] }) {
  const { changes, failures } = preview;
  return (
    <>
      <Text size="sm" aria-live="polite">
        {changes.length === 0
          ? tc.list.previewNone
          : tc.list.wouldChange(plural(changes.length, 'entity', 'entities'))}
        {changes.length > shownEntities && ` ${tc.list.previewFirst(count(shownEntities))}`}
      </Text>
      {failures.length > 0 && (
        <Failures failures={failures} blueprint={blueprint} text={tc.list.refusedPreview} />
      )}
      <div
        style={{ maxHeight: '46vh', overflowY: 'auto' }}
        tabIndex={0}
        role="region"
        aria-label={tc.list.preview}
      >
        {changes.slice(0, shownEntities).map((change) => (
          <div key={change.identifier}>
            <Text size="sm" fw={600} mt="sm">
              {change.identifier}
            </Text>
            <ChangeTable
              label={change.identifier}
              changes={fields
                .map((field) => ({
                  field,
                  before: read(change.before, field),
                  after: read(change.after, field),
                }))
                .filter(({ before, after }) => !same(before, after))}
            />
          </div>
        ))}
      </div>
    </>
  );
}

function Result({ result, blueprint }: { result: Answer; blueprint: string }) {
  return (
    <>
      <Text size="sm" fw={600} aria-live="polite">
        {tc.list.partly(count(result.changes.length), count(result.failures.length))}
      </Text>
      <Failures failures={result.failures} blueprint={blueprint} text={tc.list.refusedText} />
    </>
  );
}

function Failures({ failures, blueprint, text }: { failures: Failure[]; blueprint: string; text: string }) {
  return (
    <Note tone="warn" title={tc.list.refused} role="alert">
      {text}
      <ul style={{ margin: '6px 0 0', paddingLeft: 20 }}>
        {failures.slice(0, 50).map((failure) => (
          <li key={failure.identifier}>
            <EntityLink blueprint={blueprint} id={failure.identifier} /> {failure.message ?? failure.error}
          </li>
        ))}
      </ul>
    </Note>
  );
}
