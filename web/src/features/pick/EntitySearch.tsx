import { Select } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { searchQuery } from '~/api/queries';
import { t } from '~/strings';
import { tw } from '~/strings/work';

const rows = 20;

/** Any entity of the catalog, as "Blueprint/identifier"; the server searches. */
export function EntitySearch({
  label,
  placeholder,
  value,
  exclude,
  onChange,
}: {
  label: string;
  placeholder: string;
  value: string | undefined;
  exclude?: string;
  onChange: (value: string | undefined) => void;
}) {
  const [text, setText] = useState('');
  const [chosen, setChosen] = useState<{ value: string; label: string }>();
  const asked = text === chosen?.label ? '' : text;
  const [debounced] = useDebouncedValue(asked.trim(), 200);
  const query = useQuery({ ...searchQuery(debounced, rows), placeholderData: keepPreviousData });
  const found = (debounced ? (query.data ?? []) : []).map((hit) => ({
    value: `${hit.blueprint}/${hit.identifier}`,
    label: `${hit.title || hit.identifier} (${hit.blueprint})`,
  }));
  const data = found.filter((option) => option.value !== exclude);
  if (value && !data.some((option) => option.value === value)) {
    data.unshift(chosen?.value === value ? chosen : { value, label: value });
  }
  return (
    <Select
      label={label}
      placeholder={placeholder}
      size="sm"
      maw={420}
      data={data}
      value={value ?? null}
      onChange={(next, option) => {
        setChosen(next ? { value: next, label: option?.label ?? next } : undefined);
        onChange(next ?? undefined);
      }}
      searchable
      clearable
      clearButtonProps={{ 'aria-label': t.common.clearSelection }}
      searchValue={text}
      onSearchChange={setText}
      // The server has filtered already, over more than the label.
      filter={({ options }) => options}
      comboboxProps={{ withinPortal: false }}
      nothingFoundMessage={
        debounced ? (query.isFetching ? t.common.loading : tw.create.noEntity) : placeholder
      }
      error={query.error?.message}
    />
  );
}
