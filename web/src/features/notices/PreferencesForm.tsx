import { Button, Checkbox, Group, NativeSelect, NumberInput, Table, Text, TextInput } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api } from '~/api/client';
import { tn } from '~/strings/notices';
import { Note } from '~/ui/Note';
import { Section } from '~/ui/Section';
import { toastDone, toastError } from '~/ui/toast';
import { preferencesQuery, type Preferences } from './queries';

/** How somebody wants to be told. */
export function PreferencesForm() {
  const { data } = useQuery(preferencesQuery);
  if (!data) return null;
  return <Form key={JSON.stringify(data.preferences)} known={data} />;
}

type Known = { preferences: Preferences; kinds: { kind: string; mail: string }[]; mail: boolean };

function Form({ known }: { known: Known }) {
  const queryClient = useQueryClient();
  const [value, setValue] = useState<Preferences>(known.preferences);
  const change = (part: Partial<Preferences>) => setValue((before) => ({ ...before, ...part }));
  const save = useMutation({
    mutationFn: () => api.put('/v1/notices/preferences', {}, value),
    onSuccess: (answer) => {
      queryClient.setQueryData(preferencesQuery.queryKey, answer);
      toastDone(tn.preferences.saved);
    },
    onError: (error) => toastError(error),
  });
  return (
    <Section title={tn.preferences.title} description={tn.preferences.description}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          save.mutate();
        }}
      >
        {!known.mail && <Note tone="info">{tn.preferences.noMail}</Note>}
        <Table verticalSpacing="xs" horizontalSpacing={6}>
          <Table.Thead>
            <Table.Tr>
              <Table.Th>{tn.preferences.kind}</Table.Th>
              <Table.Th>{tn.preferences.inbox}</Table.Th>
              <Table.Th>{tn.preferences.mail}</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {known.kinds.map(({ kind, mail }) => {
              const name = tn.notices.kinds[kind] ?? kind;
              return (
                <Table.Tr key={kind}>
                  <Table.Td>{name}</Table.Td>
                  <Table.Td>
                    <Checkbox
                      aria-label={`${tn.preferences.inbox}: ${name}`}
                      checked={value.inbox?.[kind] !== 'off'}
                      onChange={(event) =>
                        change({
                          inbox: { ...value.inbox, [kind]: event.currentTarget.checked ? 'now' : 'off' },
                        })
                      }
                    />
                  </Table.Td>
                  <Table.Td>
                    <NativeSelect
                      aria-label={`${tn.preferences.mail}: ${name}`}
                      size="xs"
                      miw={118}
                      value={value.mail?.[kind] ?? mail}
                      onChange={(event) =>
                        change({ mail: { ...value.mail, [kind]: event.currentTarget.value } })
                      }
                      data={Object.entries(tn.preferences.ways).map(([way, label]) => ({
                        value: way,
                        label,
                      }))}
                    />
                  </Table.Td>
                </Table.Tr>
              );
            })}
          </Table.Tbody>
        </Table>
        <Group align="end" gap="sm" mt="sm">
          <NativeSelect
            label={tn.preferences.every}
            value={value.every ?? 'daily'}
            onChange={(event) => change({ every: event.currentTarget.value as Preferences['every'] })}
            data={Object.entries(tn.preferences.everyWays).map(([way, label]) => ({ value: way, label }))}
          />
          {value.every !== 'hourly' && (
            <NumberInput
              label={tn.preferences.hour}
              min={0}
              max={23}
              w={110}
              value={value.hour}
              onChange={(hour) => change({ hour: Number(hour) || 0 })}
            />
          )}
          <TextInput
            label={tn.preferences.zone}
            placeholder="Europe/Zurich"
            value={value.timeZone ?? ''}
            onChange={(event) => change({ timeZone: event.currentTarget.value })}
          />
        </Group>
        <Group align="end" gap="sm" mt="sm">
          <TextInput
            label={`${tn.preferences.quiet} ${tn.preferences.from}`}
            type="time"
            value={value.quietFrom ?? ''}
            onChange={(event) => change({ quietFrom: event.currentTarget.value })}
          />
          <TextInput
            label={tn.preferences.to}
            type="time"
            value={value.quietTo ?? ''}
            onChange={(event) => change({ quietTo: event.currentTarget.value })}
          />
          <Button type="submit" variant="default" loading={save.isPending}>
            {tn.preferences.save}
          </Button>
        </Group>
        <Text size="xs" className="sph-muted" />
      </form>
    </Section>
  );
}
