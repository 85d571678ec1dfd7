import { Button, Checkbox, Group, Popover, Stack, Text, UnstyledButton } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import type { Blueprint } from '~/api/types';
import { count } from '~/lib/format';
import { t } from '~/strings';
import { tc } from '~/strings/catalog';
import { IconChevronDown, IconX } from '~/ui/icons';
import { metaFields, ownFields, type Field } from '../fields';
import { facetsQuery } from '../listQueries';
import type { ListState } from '../listState';
import { isGroup, quickValues, ruleText, withQuick, type QueryGroup } from '../query';

const shownFacets = 4;

/** Properties with few values, which the server counts. */
export function facetFields(blueprint: Blueprint): Field[] {
  const few = ownFields(blueprint).filter(
    ({ property }) =>
      (property.enum !== undefined && property.type !== 'array') || property.type === 'boolean',
  );
  return [...few, metaFields.find((field) => field.id === '$team')!];
}

/** The fields offered beside the text filter: the first few, and the owner. */
function quickFields(blueprint: Blueprint): Field[] {
  const all = facetFields(blueprint);
  return [...all.slice(0, -1).slice(0, shownFacets - 1), ...all.slice(-1)];
}

type Props = {
  blueprint: Blueprint;
  state: ListState;
  onFilter: (filter: QueryGroup | undefined) => void;
};

/** Filters by values with their counts, each in one or two clicks. */
export function QuickFacets({ blueprint, state, onFilter }: Props) {
  return quickFields(blueprint).map((field) => (
    <Facet key={field.id} blueprint={blueprint} field={field} state={state} onFilter={onFilter} />
  ));
}

const textOf = (value: unknown) =>
  value === null || value === undefined || value === ''
    ? tc.list.none
    : value === true
      ? t.common.yes
      : value === false
        ? t.common.no
        : String(value);

function Facet({ blueprint, field, state, onFilter }: Props & { field: Field }) {
  const [opened, setOpened] = useState(false);
  const chosen = quickValues(state.filter, field);
  // The counts are of what the other filters leave: choosing one more adds to it.
  const others = withQuick(state.filter, field, []);
  const query = useQuery({
    ...facetsQuery(blueprint.identifier, { q: state.q, filter: others }, [field.id]),
    enabled: opened,
  });
  const counted = (query.data?.facets?.[field.id] ?? []).filter((each) => each.value !== null);
  const known: unknown[] = field.property.enum ?? (field.property.type === 'boolean' ? [true, false] : []);
  const values = [
    ...counted,
    ...[...known, ...chosen]
      .filter((value, i, all) => all.findIndex((other) => String(other) === String(value)) === i)
      .filter((value) => !counted.some((each) => String(each.value) === String(value)))
      .map((value) => ({ value, count: 0 })),
  ];
  const has = (value: unknown) => chosen.some((each) => String(each) === String(value));
  const single = field.property.type === 'boolean';
  const toggle = (value: unknown) => {
    const rest = chosen.filter((each) => String(each) !== String(value));
    onFilter(withQuick(state.filter, field, has(value) ? rest : single ? [value] : [...rest, value]));
  };
  return (
    <Popover opened={opened} onChange={setOpened} position="bottom-start" trapFocus>
      <Popover.Target>
        <Button
          size="sm"
          variant={chosen.length > 0 ? 'light' : 'default'}
          fw={500}
          rightSection={<IconChevronDown size={14} aria-hidden />}
          aria-expanded={opened}
          onClick={() => setOpened((before) => !before)}
        >
          {chosen.length > 0 ? `${field.title}: ${summary(chosen)}` : field.title}
        </Button>
      </Popover.Target>
      <Popover.Dropdown aria-label={tc.list.facet(field.title)} mah={340} style={{ overflowY: 'auto' }}>
        <Stack gap={8} miw={180} aria-busy={query.isFetching || undefined}>
          {values.length === 0 && (
            <Text size="sm" className="sph-muted">
              {query.isPending ? t.common.loading : tc.form.nothingFound}
            </Text>
          )}
          {values.slice(0, 100).map(({ value, count: n }) => (
            <Checkbox
              key={String(value)}
              size="sm"
              label={
                <>
                  {textOf(value)} {query.data?.facets && <span className="sph-muted num">{count(n)}</span>}
                </>
              }
              checked={has(value)}
              onChange={() => toggle(value)}
            />
          ))}
        </Stack>
      </Popover.Dropdown>
    </Popover>
  );
}

function summary(chosen: unknown[]): string {
  const first = textOf(chosen[0]);
  return chosen.length > 1 ? `${first} +${chosen.length - 1}` : first;
}

/** The conditions in force that no quick filter shows, each removable. */
export function FilterChips({ blueprint, state, onFilter }: Props) {
  const quick = quickFields(blueprint);
  const { filter } = state;
  if (!filter) return null;
  const hidden = filter.rules.filter(
    (node) =>
      isGroup(node) ||
      filter.combinator === 'or' ||
      !quick.some((field) => quickValues({ combinator: 'and', rules: [node] }, field).length > 0),
  );
  const without = (at: number) => {
    const rules = filter.rules.filter((_, i) => i !== at);
    onFilter(rules.length > 0 ? { ...filter, rules } : undefined);
  };
  const text = (node: QueryGroup['rules'][number]): string =>
    isGroup(node) ? `(${node.rules.map(text).join(` ${node.combinator} `)})` : ruleText(blueprint, node);
  if (hidden.length === 0) return null;
  const chips = filter.rules.map((node, i) =>
    hidden.includes(node) ? (
      <span key={i} className="pill info" style={{ paddingRight: 10 }}>
        <span style={{ overflow: 'hidden', textOverflow: 'ellipsis' }}>
          {i > 0 && filter.combinator === 'or' ? `or ${text(node)}` : text(node)}
        </span>
        <UnstyledButton
          className="sph-chip-x"
          aria-label={tc.list.removeRule(text(node))}
          onClick={() => without(i)}
        >
          <IconX size={12} />
        </UnstyledButton>
      </span>
    ) : null,
  );
  return <Group gap={6}>{chips}</Group>;
}
