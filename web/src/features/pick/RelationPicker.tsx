import { MultiSelect, Select, type ComboboxParsedItem } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useMemo, useState, type ReactNode } from 'react';
import { api } from '~/api/client';
import type { Entity } from '~/api/types';
import { t } from '~/strings';
import { tc } from '~/strings/catalog';

const rows = 20;

type Common = {
  label?: ReactNode;
  'aria-label'?: string;
  description?: ReactNode;
  error?: ReactNode;
  withAsterisk?: boolean;
  'data-field'?: string;
  size?: string;
  onBlur?: () => void;
};
type Props = Common & { target: string } & (
    | { many: true; value: string[]; onChange: (value: string[]) => void }
    | { many?: false; value: string | null; onChange: (value: string | null) => void }
  );

const search = (bp: string, text: string, signal: AbortSignal) =>
  api.post(
    '/v1/blueprints/{bp}/entities/search',
    { path: { bp }, signal },
    { text: text || undefined, limit: rows },
  );

/** The titles of entities that are chosen already. */
function useTitles(bp: string, ids: string[]): Map<string, string> {
  const { data } = useQuery({
    queryKey: ['entity', bp, 'titles', [...ids].sort()],
    queryFn: async ({ signal }) =>
      (
        await api.post(
          '/v1/blueprints/{bp}/entities/search',
          { path: { bp }, signal },
          { rules: [{ property: '$identifier', operator: 'in', value: ids }], limit: ids.length },
        )
      ).entities,
    enabled: ids.length > 0 && ids.length <= 200,
    placeholderData: keepPreviousData,
    staleTime: 60_000,
  });
  return useMemo(() => new Map(data?.map((entity) => [entity.identifier, labelOf(entity)])), [data]);
}

/** Entities of one blueprint, one or many; the server searches, so any number can be there. */
export function RelationPicker({ target, ...props }: Props) {
  const { many, value, onChange, ...common } = props;
  const ids = useMemo(() => (Array.isArray(value) ? value : value ? [value] : []), [value]);
  const [text, setText] = useState('');
  const titles = useTitles(target, ids);
  // What is chosen stands in the field of a single choice; that is no search.
  const asked = !many && text === (titles.get(ids[0] ?? '') ?? ids[0]) ? '' : text;
  const [debounced] = useDebouncedValue(asked.trim(), 200);
  const [opened, setOpened] = useState(false);
  const query = useQuery({
    queryKey: ['entity', target, 'pick', debounced],
    queryFn: ({ signal }) => search(target, debounced, signal),
    placeholderData: keepPreviousData,
    enabled: opened,
  });
  const found = query.data?.entities ?? [];
  const data = found.map((entity) => ({ value: entity.identifier, label: labelOf(entity) }));
  for (const id of ids) {
    if (!data.some((option) => option.value === id)) data.unshift({ value: id, label: titles.get(id) ?? id });
  }
  const shared = {
    ...common,
    data,
    searchable: true,
    clearable: true,
    clearButtonProps: { 'aria-label': t.common.clearSelection },
    searchValue: text,
    onSearchChange: setText,
    onDropdownOpen: () => setOpened(true),
    // The server has filtered already, over more than the label.
    filter: ({ options }: { options: ComboboxParsedItem[] }) => options,
    comboboxProps: { withinPortal: false },
    nothingFoundMessage: query.isFetching ? tc.form.searching : tc.form.nothingFound,
    error: common.error ?? query.error?.message,
  };
  if (many) {
    return (
      <MultiSelect
        {...shared}
        placeholder={ids.length > 0 ? undefined : tc.form.search}
        value={ids}
        onChange={props.onChange as (value: string[]) => void}
        hidePickedOptions
      />
    );
  }
  return (
    <Select
      {...shared}
      placeholder={tc.form.search}
      value={ids[0] ?? null}
      onChange={(next) => (onChange as (value: string | null) => void)(next)}
    />
  );
}

function labelOf(entity: Entity): string {
  return entity.title && entity.title !== entity.identifier
    ? `${entity.title} (${entity.identifier})`
    : entity.identifier;
}
