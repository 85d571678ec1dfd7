import { Select, Textarea, TextInput } from '@mantine/core';
import { tc } from '~/strings/catalog';
import { Section } from '~/ui/Section';
import css from './builder.module.css';
import { change, type Doc } from './document';

/** Names and ownership of the blueprint itself. */
export function Settings({
  doc,
  isNew,
  problems,
  onChange,
}: {
  doc: Doc;
  isNew: boolean;
  problems: Record<string, string>;
  onChange: (doc: Doc) => void;
}) {
  const set = (values: Record<string, unknown>) => onChange(change(doc, values) as Doc);
  const ownership = doc.ownership?.type ?? 'None';
  return (
    <Section title={tc.builder.settings}>
      <div className={css.fields}>
        <TextInput
          label={tc.builder.titleField}
          required
          value={doc.title}
          error={problems['/title']}
          onChange={(event) => onChange({ ...doc, title: event.currentTarget.value })}
        />
        <TextInput
          label={tc.builder.identifier}
          description={tc.builder.identifierHint}
          required
          readOnly={!isNew}
          value={doc.identifier}
          error={problems['/identifier']}
          onChange={(event) => onChange({ ...doc, identifier: event.currentTarget.value })}
        />
        <TextInput
          label={tc.builder.icon}
          value={doc.icon ?? ''}
          error={problems['/icon']}
          onChange={(event) => set({ icon: event.currentTarget.value })}
        />
        <Select
          label={tc.builder.ownership}
          allowDeselect={false}
          value={ownership}
          data={[
            { value: 'None', label: tc.builder.ownershipNone },
            { value: 'Direct', label: tc.builder.ownershipDirect },
            { value: 'Inherited', label: tc.builder.ownershipInherited },
          ]}
          onChange={(type) =>
            set({ ownership: type === 'None' ? undefined : { ...doc.ownership, type: type ?? 'Direct' } })
          }
        />
        {ownership === 'Inherited' && (
          <TextInput
            label={tc.builder.ownershipPath}
            description={tc.builder.pathHint}
            value={doc.ownership?.path ?? ''}
            error={problems['/ownership/path']}
            onChange={(event) => set({ ownership: { type: 'Inherited', path: event.currentTarget.value } })}
          />
        )}
        <Textarea
          className={css.wide}
          label={tc.builder.descriptionField}
          autosize
          value={doc.description ?? ''}
          error={problems['/description']}
          onChange={(event) => set({ description: event.currentTarget.value })}
        />
      </div>
    </Section>
  );
}
