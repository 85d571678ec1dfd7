import { Select } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useEffect } from 'react';
import { tf } from '~/strings/flags';
import { projectsQuery } from './queries';

/** Whose flags are meant; the first project when none is chosen. */
export function ProjectPicker({
  value,
  onChange,
}: {
  value: string | undefined;
  onChange: (project: string) => void;
}) {
  const projects = useQuery(projectsQuery).data;
  const first = projects?.[0]?.key;
  useEffect(() => {
    if (!value && first) onChange(first);
    // Only the first choice is made here.
    // oxlint-disable-next-line react-hooks/exhaustive-deps
  }, [value, first]);
  return (
    <Select
      size="sm"
      w={240}
      searchable
      allowDeselect={false}
      aria-label={tf.list.project}
      placeholder={tf.list.project}
      data={(projects ?? []).map((each) => ({
        value: each.key,
        label: each.service === each.key ? each.key : `${each.key} (${each.service})`,
      }))}
      value={value ?? null}
      onChange={(next) => next && onChange(next)}
    />
  );
}
