import { Button, Code, Group, Text, TextInput } from '@mantine/core';
import { queryOptions, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api } from '~/api/client';
import { t } from '~/strings';
import { ts } from '~/strings/signin';
import { CopyButton, When } from '~/ui/bits';
import { confirm } from '~/ui/confirm';
import { Note } from '~/ui/Note';
import { Section } from '~/ui/Section';
import { ErrorState, Skeletons } from '~/ui/States';
import { toastError } from '~/ui/toast';
import { InlineForm } from './InlineForm';

const directoriesQuery = queryOptions({
  queryKey: ['directories'],
  queryFn: ({ signal }) => api.get('/v1/scim-clients', { signal }),
});

/** The directories that tell by SCIM which people there are. */
export function Directories() {
  const queryClient = useQueryClient();
  const { data, error, isPending, refetch } = useQuery(directoriesQuery);
  const [name, setName] = useState('');
  const [issuer, setIssuer] = useState('');
  const [plain, setPlain] = useState<string>();
  const changed = () => queryClient.invalidateQueries({ queryKey: directoriesQuery.queryKey });
  const create = useMutation({
    mutationFn: () => api.post('/v1/scim-clients', {}, { name, issuer }),
    onSuccess: ({ value }) => {
      setPlain(value);
      setName('');
      setIssuer('');
      void changed();
    },
  });
  const remove = useMutation({
    mutationFn: (id: string) => api.delete('/v1/scim-clients/{id}', { path: { id } }),
    onSuccess: changed,
    onError: (reason) => toastError(reason),
  });
  return (
    <Section title={ts.people.directories} description={ts.people.directoriesText} flush>
      {isPending && <Skeletons rows={1} />}
      {error && !data && <ErrorState error={error} retry={() => void refetch()} />}
      {data?.directories.length === 0 && (
        <Text size="sm" p="md" className="sph-muted">
          {ts.people.noDirectories}
        </Text>
      )}
      {data?.directories.map((directory) => (
        <div key={directory.id} className="sph-row sph-line">
          <div className="sph-line-text">
            <Text size="sm" fw={550}>
              {directory.name} <span className="mono sph-muted">{directory.hint}…</span>
            </Text>
            <Text size="xs" className="sph-muted" style={{ overflowWrap: 'anywhere' }}>
              {directory.issuer} · {t.account.lastUsed} <When at={directory.usedAt} /> · {t.account.expires}{' '}
              <When at={directory.expiresAt} />
            </Text>
          </div>
          <Button
            size="compact-sm"
            variant="default"
            onClick={() =>
              confirm({
                title: ts.people.removeDirectoryTitle(directory.name),
                text: ts.people.removeDirectoryText,
                verb: ts.people.removeDirectory,
                danger: true,
                onConfirm: () => remove.mutate(directory.id),
              })
            }
          >
            {ts.people.removeDirectory}
          </Button>
        </div>
      ))}
      <div>
        {plain ? (
          <Note tone="ok" title={ts.people.directoryToken}>
            <Group gap="xs">
              <Code style={{ overflowWrap: 'anywhere' }}>{plain}</Code>
              <CopyButton value={plain} />
              <Button size="compact-sm" variant="default" onClick={() => setPlain(undefined)}>
                {t.account.done}
              </Button>
            </Group>
            <Text size="sm" mt="xs">
              {ts.people.directoryURL}: <span className="mono">{data?.url}</span>
            </Text>
          </Note>
        ) : (
          <InlineForm create={create} verb={ts.people.addDirectory}>
            {(fields) => (
              <>
                <TextInput
                  label={ts.people.directoryName}
                  size="sm"
                  required
                  withAsterisk={false}
                  value={name}
                  error={fields.name}
                  onChange={(event) => setName(event.currentTarget.value)}
                />
                <TextInput
                  label={ts.people.issuer}
                  size="sm"
                  style={{ flex: '1 1 220px' }}
                  value={issuer}
                  error={fields.issuer}
                  onChange={(event) => setIssuer(event.currentTarget.value)}
                />
              </>
            )}
          </InlineForm>
        )}
      </div>
    </Section>
  );
}
