import { Code, Group, Stack, Text, Title } from '@mantine/core';
import { useState } from 'react';
import { tw } from '~/strings/work';
import { CopyButton, Pill } from '~/ui/bits';
import { IconChevronDown, IconChevronRight } from '~/ui/icons';
import css from './ApiReference.module.css';
import {
  curlOf,
  resolve,
  typeText,
  type Document,
  type Operation,
  type Parameter,
  type Schema,
} from './openapi';

/** One operation: what it takes, what it answers, and the command line. */
export function OperationView({ document, operation }: { document: Document; operation: Operation }) {
  const curl = curlOf(document, operation, window.location.origin);
  return (
    <article className={`sph-card ${css.detail}`}>
      <Stack gap="md">
        <div>
          <Title order={2}>{operation.summary ?? operation.id}</Title>
          <Text mt={4} className="mono" component="div" style={{ overflowWrap: 'anywhere' }}>
            <b>{operation.method}</b> {operation.path}
          </Text>
          {operation.description && (
            <Text size="sm" mt="xs">
              {operation.description}
            </Text>
          )}
        </div>
        {operation.parameters.length > 0 && (
          <section>
            <Title order={3}>{tw.insights.parameters}</Title>
            <ul className={css.schema}>
              {operation.parameters.map((parameter) => (
                <ParameterLine key={`${parameter.in} ${parameter.name}`} parameter={parameter} />
              ))}
            </ul>
          </section>
        )}
        {operation.body && (
          <section>
            <Title order={3}>{tw.insights.requestBody}</Title>
            <SchemaView document={document} schema={operation.body} />
          </section>
        )}
        <section>
          <Title order={3}>{tw.insights.responses}</Title>
          <Stack gap="xs" mt={4}>
            {operation.responses.map(([status, response]) => {
              const schema = Object.values(response.content ?? {})[0]?.schema;
              return (
                <div key={status}>
                  <Group gap="xs">
                    <Pill tone={status.startsWith('2') ? 'ok' : 'mute'}>{status}</Pill>
                    <Text size="sm">{response.description}</Text>
                  </Group>
                  {schema && status.startsWith('2') && <SchemaView document={document} schema={schema} />}
                </div>
              );
            })}
          </Stack>
        </section>
        <section>
          <Group gap={4}>
            <Title order={3}>{tw.insights.example}</Title>
            <CopyButton value={curl} />
          </Group>
          <Code block tabIndex={0} mt={4}>
            {curl}
          </Code>
        </section>
      </Stack>
    </article>
  );
}

function ParameterLine({ parameter }: { parameter: Parameter }) {
  return (
    <li className={css.field}>
      <span className="mono">{parameter.name}</span>{' '}
      <span className="sph-muted">
        {parameter.in}, {typeText(parameter.schema)}
        {parameter.required && `, ${tw.insights.required}`}
      </span>
      {parameter.description && <Text size="xs">{parameter.description}</Text>}
    </li>
  );
}

function SchemaView({ document, schema }: { document: Document; schema: Schema }) {
  const { schema: real, name } = resolve(document, schema);
  const inner = real.type === 'array' && real.items ? resolve(document, real.items).schema : real;
  const fields = Object.entries(inner.properties ?? {});
  if (fields.length === 0) {
    return (
      <Text size="sm" className="mono" mt={4}>
        {name ?? typeText(real)}
      </Text>
    );
  }
  return (
    <ul className={css.schema}>
      {fields.map(([field, property]) => (
        <Field
          key={field}
          document={document}
          name={field}
          schema={property}
          required={inner.required?.includes(field) ?? false}
        />
      ))}
    </ul>
  );
}

function hasFields(document: Document, schema: Schema): boolean {
  const { schema: real } = resolve(document, schema);
  const inner = real.type === 'array' && real.items ? resolve(document, real.items).schema : real;
  return Object.keys(inner.properties ?? {}).length > 0;
}

// Opened by hand: schemas may contain themselves.
function Field({
  document,
  name,
  schema,
  required,
}: {
  document: Document;
  name: string;
  schema: Schema;
  required: boolean;
}) {
  const [open, setOpen] = useState(false);
  const expandable = hasFields(document, schema);
  const label = <span className="mono">{name}</span>;
  return (
    <li className={css.field}>
      {expandable ? (
        <button type="button" className="sph-plain" aria-expanded={open} onClick={() => setOpen(!open)}>
          {open ? <IconChevronDown size={12} aria-hidden /> : <IconChevronRight size={12} aria-hidden />}{' '}
          {label}
        </button>
      ) : (
        label
      )}{' '}
      <span className="sph-muted">
        {typeText(schema)}
        {required && `, ${tw.insights.required}`}
      </span>
      {schema.description && <Text size="xs">{schema.description}</Text>}
      {open && <SchemaView document={document} schema={schema} />}
    </li>
  );
}
