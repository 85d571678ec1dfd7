import { ActionIcon, Autocomplete, Button, Code, Group, Select, Text, TextInput } from '@mantine/core';
import { useMutation, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { api } from '~/api/client';
import { tf } from '~/strings/flags';
import { Pill, type Tone } from '~/ui/bits';
import { IconPlayerPlay, IconPlus, IconX } from '~/ui/icons';
import { Section } from '~/ui/Section';
import { ErrorState } from '~/ui/States';
import css from './flags.module.css';
import { userKey } from './model';
import { projectQuery } from './queries';
import { percentText, whole } from './share';
import type { Flag, Outcome } from './types';
import { valueText } from './words';

const e = tf.tester;

type Field = { name: string; value: string };

/** Reads what was typed as JSON where it is JSON other than text, else as text. */
export function contextValue(text: string): unknown {
  const trimmed = text.trim();
  if (/^".*"$/s.test(trimmed) || /^[[{]/.test(trimmed) || trimmed === 'true' || trimmed === 'false') {
    try {
      return JSON.parse(trimmed);
    } catch {
      return text;
    }
  }
  // Identifiers of digits stay texts, as most services send them; quotes are not needed for them.
  return text;
}

export function contextOf(fields: Field[]): Record<string, unknown> {
  const context: Record<string, unknown> = {};
  for (const { name, value } of fields) if (name.trim()) context[name.trim()] = contextValue(value);
  return context;
}

const fieldsOf = (context: Record<string, unknown>): Field[] =>
  Object.entries(context).map(([name, value]) => ({
    name,
    value: typeof value === 'string' ? value : JSON.stringify(value),
  }));

/** Why does account 42 get this: one context, its answer, and the way to it. */
export function Tester({ flag, environment }: { flag: Flag; environment: string }) {
  const samples = useQuery(projectQuery(flag.project)).data?.settings.samples ?? [];
  const [fields, setFields] = useState<Field[]>([
    { name: userKey, value: '' },
    { name: 'accountId', value: '' },
  ]);
  const run = useMutation({
    mutationFn: () =>
      api.post('/v1/flag-projects/{project}/evaluate', { path: { project: flag.project } }, {
        flag: flag.key,
        environment,
        context: contextOf(fields.filter((field) => field.value !== '')),
      } as never),
  });
  const set = (at: number, part: Partial<Field>) =>
    setFields(fields.map((each, i) => (i === at ? { ...each, ...part } : each)));
  const outcome = run.data?.outcomes[0];
  return (
    <Section title={e.title} description={e.text}>
      <form
        className={css.stack}
        onSubmit={(event) => {
          event.preventDefault();
          run.mutate();
        }}
      >
        <Group justify="space-between" gap="xs">
          <Text size="sm" fw={600}>
            {e.context}
          </Text>
          {samples.length > 0 && (
            <Select
              size="xs"
              w={220}
              aria-label={e.sample}
              placeholder={e.sample}
              data={samples.map(({ name }) => name)}
              value={null}
              onChange={(name) => {
                const sample = samples.find((each) => each.name === name);
                if (sample) setFields(fieldsOf(sample.context as Record<string, unknown>));
              }}
            />
          )}
        </Group>
        {fields.map((field, i) => (
          <div key={i} className={css.line}>
            <Autocomplete
              size="xs"
              w={180}
              aria-label={`${e.attribute} ${i + 1}`}
              placeholder={e.attribute}
              data={[userKey, 'accountId', 'sessionId', 'email', 'plan', 'country', 'version']}
              value={field.name}
              onChange={(name) => set(i, { name })}
            />
            <TextInput
              size="xs"
              className={css.grow}
              aria-label={`${e.value} ${i + 1}`}
              placeholder={e.value}
              value={field.value}
              onChange={(event) => set(i, { value: event.currentTarget.value })}
            />
            <ActionIcon
              variant="subtle"
              color="gray"
              size="md"
              aria-label={e.remove(field.name || String(i + 1))}
              onClick={() => setFields(fields.filter((_, n) => n !== i))}
            >
              <IconX size={14} />
            </ActionIcon>
          </div>
        ))}
        <Group gap="xs">
          <Button
            size="compact-sm"
            variant="subtle"
            leftSection={<IconPlus size={14} />}
            onClick={() => setFields([...fields, { name: '', value: '' }])}
          >
            {e.add}
          </Button>
          <Button
            type="submit"
            size="sm"
            loading={run.isPending}
            leftSection={<IconPlayerPlay size={14} aria-hidden />}
          >
            {e.run}
          </Button>
        </Group>
        {run.error && <ErrorState error={run.error} />}
        {outcome && <Answer outcome={outcome} />}
      </form>
    </Section>
  );
}

function Answer({ outcome }: { outcome: Outcome }) {
  const failed = Boolean(outcome.errorCode);
  return (
    <div className={css.answer} aria-live="polite">
      <Group gap="sm">
        <Text fw={650} size="lg">
          {failed
            ? (outcome.error ?? outcome.errorCode)
            : outcome.variation
              ? e.gets(outcome.variation)
              : e.codeDefault}
        </Text>
        {outcome.value !== undefined && outcome.variation && <Code>{valueText(outcome.value)}</Code>}
        <Pill tone={failed ? 'bad' : 'info'} title={outcome.reason}>
          {tf.usage.reasons[outcome.reason] ?? outcome.reason}
        </Pill>
      </Group>
      <Text size="sm" fw={600} mt="sm">
        {e.path}
      </Text>
      <ol className={css.path}>
        {outcome.path.map((step, i) => (
          <li
            key={i}
            style={{ marginLeft: step.depth * 16 }}
            data-last={i === outcome.path.length - 1 || undefined}
          >
            <span className={css.grow}>
              {step.text}
              {step.of ? <Bucket bucket={step.bucket ?? 0} of={step.of} /> : null}
            </span>
            <StepOutcome outcome={step.outcome} />
          </li>
        ))}
      </ol>
    </div>
  );
}

const tones: Record<string, Tone> = { true: 'ok', false: 'mute' };

function StepOutcome({ outcome }: { outcome: string }) {
  if (!outcome) return null;
  const text = outcome === 'true' ? e.fits : outcome === 'false' ? e.fitsNot : outcome;
  return <Pill tone={tones[outcome] ?? 'info'}>{text}</Pill>;
}

/** Where somebody falls between 0 and 100 %. */
function Bucket({ bucket, of }: { bucket: number; of: number }) {
  const share = (bucket / of) * whole;
  return (
    <span className={css.bucket} role="img" aria-label={e.bucket(percentText(Math.floor(share)))}>
      <span style={{ left: `${(bucket / of) * 100}%` }} />
    </span>
  );
}
