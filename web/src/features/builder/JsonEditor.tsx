import { Button, Group, Textarea } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import { tc } from '~/strings/catalog';
import { Note } from '~/ui/Note';
import { Section } from '~/ui/Section';
import { toastError } from '~/ui/toast';
import { convert } from './api';
import css from './builder.module.css';
import { complete, parseDoc, type Doc } from './document';

const pretty = (doc: Doc) => JSON.stringify(doc, null, 2);

/** The whole document as text, in step with the forms as long as it is JSON. */
export function JsonEditor({ doc, onChange }: { doc: Doc; onChange: (doc: Doc) => void }) {
  const [text, setText] = useState(() => pretty(doc));
  const [problem, setProblem] = useState<'json' | 'shape' | 'yaml'>();
  const takeOver = useMutation({
    mutationFn: () => convert(text),
    onSuccess: ([first]) => {
      if (!first) return;
      const next = complete(first);
      setText(pretty(next));
      setProblem(undefined);
      onChange(next);
    },
    onError: (error) => toastError(error),
  });
  const edit = (value: string) => {
    setText(value);
    const read = parseDoc(value);
    setProblem(read.problem);
    if (read.doc) onChange(read.doc);
  };
  return (
    <Section
      title={tc.builder.json}
      description={tc.builder.pasteHint}
      action={
        <Button
          size="compact-sm"
          variant="default"
          disabled={problem !== undefined}
          onClick={() => setText(pretty(doc))}
        >
          {tc.builder.format_}
        </Button>
      }
    >
      {problem === 'yaml' && (
        <Note tone="info" title={tc.builder.yamlFound}>
          <Group mt={6}>
            <Button size="compact-sm" onClick={() => takeOver.mutate()} loading={takeOver.isPending}>
              {tc.builder.convert}
            </Button>
          </Group>
        </Note>
      )}
      <Textarea
        className={css.code}
        aria-label={tc.builder.json}
        autosize
        minRows={16}
        maxRows={36}
        spellCheck={false}
        mt={problem === 'yaml' ? 'sm' : undefined}
        error={
          problem === 'json' ? tc.builder.badJson : problem === 'shape' ? tc.builder.badShape : undefined
        }
        value={text}
        onChange={(event) => edit(event.currentTarget.value)}
      />
    </Section>
  );
}
