import { Button, Group, Stack, Text, UnstyledButton } from '@mantine/core';
import { useState } from 'react';
import { tc } from '~/strings/catalog';
import { IconChevronDown, IconChevronRight, IconPlus } from '~/ui/icons';
import { Section } from '~/ui/Section';
import css from './builder.module.css';
import { dropMember, freeName, members, setMember, type Definition, type Doc, type Part } from './document';
import { MemberForm, summaryOf } from './MemberForm';

const firstNames: Record<Part, string> = {
  properties: 'property',
  relations: 'relation',
  mirrorProperties: 'mirror',
  calculationProperties: 'calculation',
  aggregationProperties: 'count',
};

const firstDefinitions = (doc: Doc): Record<Part, Definition> => ({
  properties: { title: '', type: 'string' },
  relations: { title: '', target: doc.identifier, required: false, many: false },
  mirrorProperties: { title: '', path: '' },
  calculationProperties: { title: '', type: 'string', calculation: '.title' },
  aggregationProperties: {
    title: '',
    type: 'number',
    target: doc.identifier,
    calculationSpec: { calculationBy: 'entities', func: 'count' },
  },
});

type Props = {
  doc: Doc;
  part: Part;
  /** Names that are saved: they are renamed and not retyped. */
  saved: Doc | undefined;
  problems: Record<string, string>;
  onChange: (doc: Doc) => void;
  onRename: (part: Part, name: string) => void;
};

/** The members of one part of a blueprint; one of them is open. */
export function MemberList({ doc, part, saved, problems, onChange, onRename }: Props) {
  const [open, setOpen] = useState<string>();
  const list = Object.entries(members(doc, part));
  const add = () => {
    const name = freeName(doc, firstNames[part]);
    onChange(setMember(doc, part, name, firstDefinitions(doc)[part]));
    setOpen(name);
  };
  const renameUnsaved = (name: string, to: string) => {
    const next = Object.fromEntries(
      Object.entries(members(doc, part)).map(([key, value]) => [key === name ? to : key, value]),
    );
    const renamed =
      part === 'properties'
        ? { ...doc, schema: { ...doc.schema, properties: next } }
        : { ...doc, [part]: next };
    onChange(renamed);
    setOpen(to);
  };
  return (
    <Section
      title={tc.builder.parts[part] ?? part}
      description={tc.builder.partTexts[part]}
      flush
      action={
        <Button size="compact-sm" variant="default" leftSection={<IconPlus size={14} />} onClick={add}>
          {tc.builder.add[part]}
        </Button>
      }
    >
      {list.length === 0 && (
        <Text size="sm" className="sph-muted" p="md">
          {tc.builder.none[part]}
        </Text>
      )}
      {list.map(([name, definition]) => {
        const isSaved = saved !== undefined && name in members(saved, part);
        const problem = Object.entries(problems).find(([path]) => path.startsWith(`${prefix(part)}/${name}`));
        return (
          <Stack key={name} gap={0}>
            <UnstyledButton
              className={css.member}
              aria-expanded={open === name}
              onClick={() => setOpen(open === name ? undefined : name)}
            >
              {open === name ? <IconChevronDown size={16} /> : <IconChevronRight size={16} />}
              <span className={css.memberName}>
                <Text size="sm" fw={550} component="span">
                  {definition.title || name}
                </Text>
                {definition.title && definition.title !== name && (
                  <Text size="xs" className="mono sph-muted" component="span">
                    {name}
                  </Text>
                )}
              </span>
              <Text size="xs" className="sph-muted" component="span" ta="right">
                {summaryOf(part, definition, doc.schema.required.includes(name))}
              </Text>
            </UnstyledButton>
            {problem && (
              <Text size="xs" c="red" px="md" pb={6} role="alert">
                {problem[1]}
              </Text>
            )}
            {open === name && (
              <div className={css.memberForm}>
                <MemberForm
                  doc={doc}
                  part={part}
                  name={name}
                  definition={definition}
                  savedName={isSaved}
                  onName={(to) => renameUnsaved(name, to)}
                  onChange={(next) => onChange(setMember(doc, part, name, next))}
                  onDoc={onChange}
                />
                <Group gap="xs" justify="flex-end" mt="sm">
                  {isSaved && part !== 'calculationProperties' && part !== 'aggregationProperties' && (
                    <Button size="compact-sm" variant="default" onClick={() => onRename(part, name)}>
                      {tc.builder.rename}
                    </Button>
                  )}
                  <Button
                    size="compact-sm"
                    variant="default"
                    color="red"
                    onClick={() => {
                      onChange(dropMember(doc, part, name));
                      setOpen(undefined);
                    }}
                  >
                    {tc.builder.remove(definition.title || name)}
                  </Button>
                </Group>
              </div>
            )}
          </Stack>
        );
      })}
    </Section>
  );
}

/** Where a part is in the document, as problems name it. */
export const prefix = (part: Part): string => (part === 'properties' ? '/schema/properties' : `/${part}`);
