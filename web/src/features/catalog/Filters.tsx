import { Button, Group, Popover, Select, Stack, TextInput, UnstyledButton } from '@mantine/core';
import { useState, type FormEvent } from 'react';
import type { Blueprint, Rule } from '~/api/types';
import { humanise } from '~/lib/words';
import { t } from '~/strings';
import { IconFilter, IconX } from '~/ui/icons';

type Props = { blueprint: Blueprint; rules: Rule[]; onChange: (rules: Rule[]) => void };

function titleOf(blueprint: Blueprint, property: string): string {
  if (property === '$team') return t.catalog.team;
  if (property === '$title') return t.catalog.entityTitle;
  if (property === '$identifier') return t.catalog.identifier;
  const known = blueprint.schema.properties[property] ?? blueprint.relations[property];
  return known?.title || humanise(property);
}

/** "Type is service". */
export function ruleText(blueprint: Blueprint, rule: Rule): string {
  const value = Array.isArray(rule.value)
    ? rule.value.join(', ')
    : rule.value === undefined
      ? ''
      : String(rule.value);
  return `${titleOf(blueprint, rule.property)} ${t.catalog.operators[rule.operator]} ${value}`.trim();
}

/** Filters by the values a property may have, by hand, and those in force. */
export function Filters({ blueprint, rules, onChange }: Props) {
  const enums = Object.entries(blueprint.schema.properties).filter(([, property]) => property.enum);
  const quick = new Set(enums.slice(0, 3).map(([id]) => id));
  const valueOf = (id: string) => rules.find((rule) => rule.property === id && rule.operator === '=')?.value;
  const set = (id: string, value: string | null) => {
    const rest = rules.filter((rule) => rule.property !== id || rule.operator !== '=');
    onChange(value === null ? rest : [...rest, { property: id, operator: '=', value }]);
  };
  const chips = rules.filter((rule) => !(quick.has(rule.property) && rule.operator === '='));
  return (
    <>
      {enums.slice(0, 3).map(([id, property]) => (
        <Select
          key={id}
          size="sm"
          w={140}
          clearable
          comboboxProps={{ withinPortal: false }}
          clearButtonProps={{ 'aria-label': t.common.clearFilters }}
          placeholder={t.catalog.anyOf(titleOf(blueprint, id).toLowerCase())}
          aria-label={titleOf(blueprint, id)}
          data={(property.enum ?? []).map(String)}
          value={(valueOf(id) as string | undefined) ?? null}
          onChange={(value) => set(id, value)}
        />
      ))}
      <AddFilter blueprint={blueprint} onAdd={(rule) => onChange([...rules, rule])} />
      {chips.map((rule) => {
        const text = ruleText(blueprint, rule);
        return (
          <Group key={text} gap={2} className="pill info" wrap="nowrap">
            {text}
            <UnstyledButton
              className="sph-chip-x"
              aria-label={t.catalog.removeFilter(text)}
              onClick={() => onChange(rules.filter((each) => each !== rule))}
            >
              <IconX size={12} />
            </UnstyledButton>
          </Group>
        );
      })}
    </>
  );
}

function AddFilter({ blueprint, onAdd }: { blueprint: Blueprint; onAdd: (rule: Rule) => void }) {
  const [opened, setOpened] = useState(false);
  const [property, setProperty] = useState<string | null>(null);
  const [operator, setOperator] = useState<string>('=');
  const [value, setValue] = useState('');
  const names = [
    '$title',
    '$team',
    '$identifier',
    ...Object.keys(blueprint.schema.properties),
    ...Object.keys(blueprint.relations),
  ];
  const needsValue = operator !== 'isEmpty' && operator !== 'isNotEmpty';
  const type = property ? blueprint.schema.properties[property]?.type : undefined;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (!property || (needsValue && !value)) return;
    const typed = type === 'number' ? Number(value) : type === 'boolean' ? value === 'true' : value;
    onAdd(
      needsValue
        ? { property, operator, value: operator === 'in' ? value.split(/\s*,\s*/) : typed }
        : { property, operator },
    );
    setOpened(false);
    setValue('');
    setProperty(null);
  };
  return (
    <Popover opened={opened} onChange={setOpened} position="bottom-start" trapFocus width={280}>
      <Popover.Target>
        <Button
          size="sm"
          variant="subtle"
          leftSection={<IconFilter size={16} aria-hidden />}
          onClick={() => setOpened((open) => !open)}
        >
          {t.catalog.addFilter}
        </Button>
      </Popover.Target>
      <Popover.Dropdown aria-label={t.catalog.addFilter}>
        <form onSubmit={submit}>
          <Stack gap="xs">
            <Select
              label={t.catalog.property}
              size="sm"
              searchable
              comboboxProps={{ withinPortal: false }}
              data={names.map((name) => ({ value: name, label: titleOf(blueprint, name) }))}
              value={property}
              onChange={setProperty}
            />
            <Select
              label={t.catalog.operator}
              size="sm"
              allowDeselect={false}
              comboboxProps={{ withinPortal: false }}
              data={Object.entries(t.catalog.operators).map(([id, label]) => ({ value: id, label }))}
              value={operator}
              onChange={(next) => setOperator(next ?? '=')}
            />
            {needsValue && (
              <TextInput
                label={t.catalog.value}
                size="sm"
                value={value}
                onChange={(event) => setValue(event.currentTarget.value)}
              />
            )}
            <Button type="submit" size="sm" disabled={!property || (needsValue && !value)}>
              {t.catalog.apply}
            </Button>
          </Stack>
        </form>
      </Popover.Dropdown>
    </Popover>
  );
}
