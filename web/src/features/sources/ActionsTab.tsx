import { Button, Group, Stack, Text } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { call } from '~/api/client';
import { actionsQuery } from '~/api/queries';
import type { InputSchema } from '~/api/types';
import { SchemaForm } from '~/features/create/SchemaForm';
import { defaults, type Values } from '~/features/create/schema';
import { ti } from '~/strings/inout';
import { Pill } from '~/ui/bits';
import { confirm } from '~/ui/confirm';
import { IconPlug } from '~/ui/icons';
import { ButtonLink } from '~/ui/links';
import { Section } from '~/ui/Section';
import { toastDone, toastError } from '~/ui/toast';
import { actionDocsQuery, type Doc } from './api';
import type { TabProps } from './InOutPage';
import { Back, JsonField, Line, Listed, parse, pretty, Refusal } from './parts';

const w = ti.actions;
/** No action can have this name: it has a space. */
const fresh = 'new action';
const example = {
  identifier: 'restart',
  title: 'Restart',
  trigger: {
    type: 'self-service',
    operation: 'CREATE',
    userInputs: { properties: { reason: { type: 'string', title: 'Reason' } }, required: ['reason'] },
  },
  invocationMethod: {
    type: 'WEBHOOK',
    url: 'https://example.com/restart',
    body: { reason: '{{ .inputs.reason }}' },
  },
};
/** What the list adds to the document. */
const added = [
  'createdAt',
  'updatedAt',
  'createdBy',
  'updatedBy',
  'name',
  'input',
  'allowed',
  'stats',
  'kind',
  'reason',
  'roles',
  'group',
];

type Trigger = {
  type?: string;
  userInputs?: { properties?: Record<string, object>; required?: unknown; order?: string[] };
};
const triggerOf = (doc: unknown): Trigger =>
  ((doc as { trigger?: Trigger } | undefined)?.trigger ?? {}) as Trigger;

/** Actions that are documents. */
export function ActionsTab({ id, onOpen }: TabProps) {
  const query = useQuery(actionDocsQuery);
  const open = query.data?.find((one) => one.identifier === id);
  if (id === fresh || open) return <Editor doc={open} onBack={() => onOpen(undefined)} />;
  return (
    <Section title={ti.tabs.actions!} action={<Button onClick={() => onOpen(fresh)}>{w.add}</Button>} flush>
      <Listed query={query} icon={<IconPlug size={32} />} none={w.none} noneText={w.noneText}>
        {(list) =>
          list.map((one) => (
            <Line
              key={one.identifier}
              name={
                <Group gap={6}>
                  {one.title || one.identifier}
                  {one.publish === false && <Pill tone="mute">{w.off}</Pill>}
                </Group>
              }
              text={triggerOf(one).type === 'automation' ? w.automation : w.selfService}
              side={
                <>
                  {triggerOf(one).type !== 'automation' && (
                    <ButtonLink
                      size="compact-sm"
                      variant="default"
                      to="/create/$action"
                      params={{ action: one.identifier }}
                    >
                      {w.open}
                    </ButtonLink>
                  )}
                  <Button size="compact-sm" variant="default" onClick={() => onOpen(one.identifier)}>
                    {ti.json.open}
                  </Button>
                </>
              }
            />
          ))
        }
      </Listed>
    </Section>
  );
}

function documentOf(doc: Doc | undefined): unknown {
  if (!doc) return example;
  return Object.fromEntries(Object.entries(doc).filter(([key]) => !added.includes(key)));
}

function Editor({ doc, onBack }: { doc: Doc | undefined; onBack: () => void }) {
  const queryClient = useQueryClient();
  const [text, setText] = useState(() => pretty(documentOf(doc)));
  const read = useMemo(() => parse(text), [text]);
  const refresh = () => {
    void queryClient.invalidateQueries({ queryKey: actionDocsQuery.queryKey });
    void queryClient.invalidateQueries({ queryKey: actionsQuery.queryKey });
  };
  const save = useMutation({
    mutationFn: () =>
      doc
        ? call('PUT', '/v1/actions/{action}', { path: { action: doc.identifier } }, read)
        : call('POST', '/v1/actions', {}, read),
    onSuccess: () => {
      toastDone(ti.json.saved);
      refresh();
      onBack();
    },
  });
  const remove = useMutation({
    mutationFn: () => call('DELETE', '/v1/actions/{action}', { path: { action: doc?.identifier ?? '' } }),
    onSuccess: () => {
      refresh();
      onBack();
    },
    onError: (error) => toastError(error),
  });
  return (
    <Stack gap="md">
      <Back onBack={onBack}>
        {doc && (
          <Button
            size="compact-sm"
            variant="default"
            onClick={() =>
              confirm({
                title: w.removeTitle(doc.title || doc.identifier),
                text: w.removeText,
                verb: ti.json.remove,
                danger: true,
                onConfirm: () => remove.mutate(),
              })
            }
          >
            {ti.json.remove}
          </Button>
        )}
        <Button
          size="compact-sm"
          loading={save.isPending}
          disabled={read === undefined}
          onClick={() => save.mutate()}
        >
          {ti.json.save}
        </Button>
      </Back>
      <Refusal error={save.error} />
      <Section title={doc ? doc.title || doc.identifier : w.add}>
        <JsonField
          label={w.document}
          description={w.documentHint}
          value={text}
          minRows={16}
          onChange={setText}
        />
      </Section>
      <Section title={w.preview}>
        <Form doc={read} />
      </Section>
    </Stack>
  );
}

/** The form that the inputs of the document make; nothing is sent from it. */
function Form({ doc }: { doc: unknown }) {
  const { type, userInputs } = triggerOf(doc);
  const schema = useMemo(() => schemaOf(userInputs), [userInputs]);
  const [values, setValues] = useState<Values>();
  if (type === 'automation') return <Text size="sm">{w.noForm}</Text>;
  if (!schema) return <Text size="sm">{w.bad}</Text>;
  return (
    <SchemaForm
      id="action-preview"
      schema={schema}
      values={values ?? defaults(schema)}
      onChange={(name, value) => setValues((before) => ({ ...(before ?? defaults(schema)), [name]: value }))}
      serverProblems={none}
      onSubmit={() => undefined}
    />
  );
}

const none: Record<string, string> = {};

/** Parts that follow from jq are left out, as in the form people get. */
function schemaOf(inputs: Trigger['userInputs']): InputSchema | undefined {
  const properties = inputs?.properties;
  if (!properties || typeof properties !== 'object' || Object.keys(properties).length === 0) return undefined;
  const plain = Object.fromEntries(
    Object.entries(properties).map(([name, one]) => [
      name,
      Object.fromEntries(
        Object.entries(one ?? {}).filter(
          ([, value]) => !(value !== null && typeof value === 'object' && 'jqQuery' in (value as object)),
        ),
      ),
    ]),
  );
  const required = Array.isArray(inputs.required)
    ? inputs.required.filter((one) => typeof one === 'string')
    : [];
  return {
    type: 'object',
    properties: plain as InputSchema['properties'],
    required,
    additionalProperties: false,
    'x-order': inputs.order,
  };
}
