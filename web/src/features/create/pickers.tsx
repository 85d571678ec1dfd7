import { Select, type SelectProps } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { api } from '~/api/client';
import { teamsQuery } from '~/api/queries';
import type { Entity } from '~/api/types';
import { t } from '~/strings';
import { tw } from '~/strings/work';

type PickerProps = Omit<SelectProps, 'data' | 'value' | 'onChange'> & {
  value: string;
  onChange: (value: string) => void;
};

/** One of the teams. */
export function TeamPicker({ value, onChange, ...rest }: PickerProps) {
  const teams = useQuery(teamsQuery).data ?? [];
  const known = teams.map((team) => ({ value: team.name, label: team.title || team.name }));
  const data =
    value && !known.some((team) => team.value === value) ? [...known, { value, label: value }] : known;
  return (
    <Select
      {...rest}
      data={data}
      value={value || null}
      onChange={(next) => onChange(next ?? '')}
      searchable
      clearable={!rest.required}
      placeholder={tw.create.choose}
      comboboxProps={{ withinPortal: false }}
      nothingFoundMessage={tw.create.noEntity}
    />
  );
}

const searchEntities = (blueprint: string, text: string, signal: AbortSignal) =>
  api.post(
    '/v1/blueprints/{bp}/entities/search',
    { path: { bp: blueprint }, signal },
    { text: text || undefined, limit: 20 },
  );

/** An entity of a blueprint; the server searches, so it works with any number of them. */
export function EntityPicker({ blueprint, value, onChange, ...rest }: PickerProps & { blueprint: string }) {
  const [search, setSearch] = useState('');
  const [text] = useDebouncedValue(search, 200);
  const [chosen, setChosen] = useState<Entity>();
  const query = useQuery({
    queryKey: ['entity', blueprint, 'pick', text === labelOf(chosen) ? '' : text],
    queryFn: ({ queryKey, signal }) => searchEntities(blueprint, queryKey[3] ?? '', signal),
    placeholderData: keepPreviousData,
  });
  const found = query.data?.entities ?? [];
  const data = found.map((entity) => ({ value: entity.identifier, label: labelOf(entity) }));
  if (value && !data.some((option) => option.value === value)) {
    data.unshift({ value, label: chosen?.identifier === value ? labelOf(chosen) : value });
  }
  return (
    <Select
      {...rest}
      data={data}
      value={value || null}
      onChange={(next) => {
        setChosen(found.find((entity) => entity.identifier === next));
        onChange(next ?? '');
      }}
      searchable
      clearable={!rest.required}
      searchValue={search}
      onSearchChange={setSearch}
      // The server has filtered already, over more than the label.
      filter={({ options }) => options}
      placeholder={tw.create.searchEntities}
      comboboxProps={{ withinPortal: false }}
      nothingFoundMessage={query.isFetching ? t.common.loading : tw.create.noEntity}
      error={rest.error ?? (query.error ? query.error.message : undefined)}
    />
  );
}

function labelOf(entity: Entity | undefined): string {
  if (!entity) return '';
  return entity.title && entity.title !== entity.identifier
    ? `${entity.title} (${entity.identifier})`
    : entity.identifier;
}
