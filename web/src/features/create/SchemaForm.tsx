import { Stack, Text, UnstyledButton } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useEffect, useId, useMemo, useRef, useState, type FormEvent, type ReactNode } from 'react';
import type { InputSchema } from '~/api/types';
import { tw } from '~/strings/work';
import { IconChevronDown, IconChevronRight } from '~/ui/icons';
import { SchemaField } from './SchemaField';
import { check, fieldsOf, type Problems, type Values } from './schema';

type Props = {
  schema: InputSchema;
  values: Values;
  onChange: (name: string, value: unknown) => void;
  /** What the server found wrong, by field; shown until the field changes. */
  serverProblems: Problems;
  onSubmit: () => void;
  /** Problems found while typing, by checks that the schema cannot make. */
  extraProblems?: Problems;
  hints?: Record<string, ReactNode>;
  id: string;
};

/**
 * A form made from a JSON Schema. A field is checked when it is left and on
 * submit; the focus then goes to the first one that is wrong.
 */
export function SchemaForm(props: Props) {
  const { schema, values, onChange, serverProblems, onSubmit, extraProblems = {}, hints = {} } = props;
  const form = useRef<HTMLFormElement>(null);
  const fields = useMemo(() => fieldsOf(schema), [schema]);
  const [left, setLeft] = useState<ReadonlySet<string>>(new Set());
  const [more, { toggle, open }] = useDisclosure(false);
  const moreId = useId();
  const found = useMemo(
    () => ({ ...check(schema, values), ...extraProblems }),
    [schema, values, extraProblems],
  );
  const problemOf = (name: string) =>
    serverProblems[name] ?? (left.has(name) || extraProblems[name] ? found[name] : undefined);
  const main = fields.filter((field) => !field['x-advanced']);
  const advanced = fields.filter((field) => field['x-advanced']);

  const goToFirst = (problems: Problems) => {
    const first = fields.find((field) => problems[field.name]);
    if (!first) return;
    if (first['x-advanced']) open();
    requestAnimationFrame(() => focusField(form.current, first.name));
  };
  useEffect(() => {
    if (Object.keys(serverProblems).length > 0) goToFirst(serverProblems);
    // Only an answer of the server moves the focus.
  }, [serverProblems]); // oxlint-disable-line react/exhaustive-deps

  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (Object.keys(found).length > 0) {
      setLeft(new Set(fields.map((field) => field.name)));
      goToFirst(found);
      return;
    }
    onSubmit();
  };
  const row = (field: (typeof fields)[number]) => (
    <SchemaField
      key={field.name}
      field={field}
      value={values[field.name]}
      error={problemOf(field.name)}
      hint={hints[field.name]}
      onChange={(value) => onChange(field.name, value)}
      onBlur={() => {
        // A field that was only passed through is not yet wrong.
        if (values[field.name] !== undefined && values[field.name] !== '') {
          setLeft((before) => new Set(before).add(field.name));
        }
      }}
    />
  );
  return (
    <form ref={form} id={props.id} onSubmit={submit} noValidate>
      <Stack gap="lg">
        {main.map(row)}
        {advanced.length > 0 && (
          <div>
            <UnstyledButton onClick={toggle} aria-expanded={more} aria-controls={moreId} py={4}>
              <Text size="sm" fw={600} component="span">
                {more ? (
                  <IconChevronDown size={14} aria-hidden />
                ) : (
                  <IconChevronRight size={14} aria-hidden />
                )}{' '}
                {tw.create.more}
              </Text>{' '}
              <Text size="sm" className="sph-muted" component="span">
                {tw.create.moreHint(advanced.length)}
              </Text>
            </UnstyledButton>
            <div id={moreId} hidden={!more}>
              <Stack gap="lg" mt="sm">
                {advanced.map(row)}
              </Stack>
            </div>
          </div>
        )}
      </Stack>
      <button type="submit" hidden aria-hidden tabIndex={-1} />
    </form>
  );
}

function focusField(form: HTMLElement | null, name: string): void {
  const marked = form?.querySelector<HTMLElement>(`[data-field="${CSS.escape(name)}"]`);
  const input = marked?.matches('input, textarea, select')
    ? marked
    : (marked?.querySelector<HTMLElement>('input:not([type=hidden]), textarea, select') ??
      form?.querySelector<HTMLElement>(`[name="${CSS.escape(name)}"]:not([type=hidden])`));
  input?.focus();
  input?.scrollIntoView({ block: 'center' });
}
