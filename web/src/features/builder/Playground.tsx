import { SegmentedControl, Stack, Text, Textarea } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { entityQuery } from '~/api/queries';
import { EntityPicker } from '~/features/create/pickers';
import { tc } from '~/strings/catalog';
import { Note } from '~/ui/Note';
import { Section } from '~/ui/Section';
import { Problems } from './PreviewPanel';
import { tryJq } from './api';
import css from './builder.module.css';

/** Tries a jq expression on a real entity or on JSON of one's own. */
export function Playground({ blueprint }: { blueprint: string | undefined }) {
  const [expression, setExpression] = useState('.properties | keys');
  const [source, setSource] = useState<'entity' | 'own'>(blueprint ? 'entity' : 'own');
  const [identifier, setIdentifier] = useState('');
  const [input, setInput] = useState('{\n  "properties": { "language": "go" }\n}');
  let parsed: unknown;
  let badInput = false;
  try {
    parsed = JSON.parse(input) as unknown;
  } catch {
    badInput = true;
  }
  const body = source === 'entity' ? { expression, blueprint, identifier } : { expression, input: parsed };
  const ready = expression.trim() !== '' && (source === 'entity' ? identifier !== '' : !badInput);
  const [settled] = useDebouncedValue(body, 300);
  const result = useQuery({
    queryKey: ['jq', settled],
    queryFn: () => tryJq(settled),
    enabled: ready,
    placeholderData: keepPreviousData,
    retry: false,
  });
  const entity = useQuery({
    ...entityQuery(blueprint ?? '', identifier),
    enabled: source === 'entity' && identifier !== '' && blueprint !== undefined,
  });
  return (
    <Section title={tc.builder.playground}>
      <Stack gap="md">
        <Textarea
          className={css.code}
          label={tc.builder.expression}
          autosize
          minRows={3}
          maxRows={14}
          spellCheck={false}
          value={expression}
          onChange={(event) => setExpression(event.currentTarget.value)}
        />
        {blueprint && (
          <SegmentedControl
            aria-label={tc.builder.input}
            value={source}
            onChange={(value) => setSource(value as 'entity' | 'own')}
            data={[
              { value: 'entity', label: tc.builder.entity },
              { value: 'own', label: tc.builder.ownInput },
            ]}
          />
        )}
        {source === 'entity' && blueprint ? (
          <EntityPicker
            label={tc.builder.chooseEntity}
            blueprint={blueprint}
            value={identifier}
            onChange={setIdentifier}
          />
        ) : (
          <Textarea
            className={css.code}
            label={tc.builder.ownInput}
            autosize
            minRows={4}
            maxRows={16}
            spellCheck={false}
            error={badInput ? tc.builder.badJson : undefined}
            value={input}
            onChange={(event) => setInput(event.currentTarget.value)}
          />
        )}
        <div role="status" aria-live="polite">
          {result.error && (
            <Note tone="bad">
              <Problems error={result.error} />
            </Note>
          )}
          {!result.error && result.data && ready && (
            <>
              <Text size="sm" fw={550} mb={4}>
                {tc.builder.result}{' '}
                <Text span size="xs" className="sph-muted">
                  {tc.builder.took(result.data.micros)}
                </Text>
              </Text>
              {result.data.error ? (
                <Note tone="bad">{result.data.error}</Note>
              ) : (
                <pre className={css.value}>
                  {result.data.value === undefined
                    ? tc.builder.noResult
                    : JSON.stringify(result.data.value, null, 2)}
                </pre>
              )}
            </>
          )}
        </div>
        {entity.data && source === 'entity' && (
          <details>
            <summary style={{ cursor: 'pointer' }}>{tc.builder.input}</summary>
            <pre className={css.value}>{JSON.stringify(entity.data, null, 2)}</pre>
          </details>
        )}
      </Stack>
    </Section>
  );
}
