import { Select, Textarea, TextInput } from '@mantine/core';
import { t } from '~/strings';
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
    <Section title={t.builder.settings}>
      <div className={css.fields}>
        <TextInput
          label={t.builder.titleField}
          required
          value={doc.title}
          error={problems['/title']}
          onChange={(event) => onChange({ ...doc, title: event.currentTarget.value })}
        />
        <TextInput
          label={t.builder.identifier}
          description={t.builder.identifierHint}
          required
          readOnly={!isNew}
          value={doc.identifier}
          error={problems['/identifier']}
          onChange={(event) => onChange({ ...doc, identifier: event.currentTarget.value })}
        />
        <TextInput
          label={t.builder.icon}
          value={doc.icon ?? ''}
          error={problems['/icon']}
          onChange={(event) => set({ icon: event.currentTarget.value })}
        />
        <Select
          label={t.builder.ownership}
          allowDeselect={false}
          value={ownership}
          data={[
            { value: 'None', label: t.builder.ownershipNone },
            { value: 'Direct', label: t.builder.ownershipDirect },
            { value: 'Inherited', label: t.builder.ownershipInherited },
          ]}
          onChange={(type) =>
            set({ ownership: type === 'None' ? undefined : { ...doc.ownership, type: type ?? 'Direct' } })
          }
        />
        {ownership === 'Inherited' && (
          <TextInput
            label={t.builder.ownershipPath}
            description={t.builder.pathHint}
            value={doc.ownership?.path ?? ''}
            error={problems['/ownership/path']}
            onChange={(event) => set({ ownership: { type: 'Inherited', path: event.currentTarget.value } })}
          />
        )}
        <Textarea
          className={css.wide}
          label={t.builder.descriptionField}
          autosize
          value={doc.description ?? ''}
          error={problems['/description']}
          onChange={(event) => set({ description: event.currentTarget.value })}
        />
      </div>
    </Section>
  );
}
