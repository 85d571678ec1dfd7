import { Button, Code, Group, Radio, Select, Stack, Table, TagsInput, Text, TextInput } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api } from '~/api/client';
import { isApiError } from '~/api/errors';
import { t } from '~/strings';
import { tf } from '~/strings/flags';
import { CopyButton, Pill, When } from '~/ui/bits';
import { confirm } from '~/ui/confirm';
import { Dialog } from '~/ui/Dialog';
import { IconKey, IconPlus } from '~/ui/icons';
import { ListToolbar } from '~/ui/ListToolbar';
import { Note } from '~/ui/Note';
import { EmptyState, ErrorState, Skeletons } from '~/ui/States';
import { toastDone, toastError } from '~/ui/toast';
import { FlagsFrame } from './FlagsFrame';
import { ProjectPicker } from './ProjectPicker';
import { environmentsQuery, keysQuery, projectsQuery } from './queries';
import { SaveError } from './SaveDialogs';

const e = tf.keys;

type Key = NonNullable<Awaited<ReturnType<NonNullable<ReturnType<typeof keysQuery>['queryFn']>>>>[number];

/** What services and browsers prove themselves with. */
export function KeysPage({
  project,
  onProject,
}: {
  project: string | undefined;
  onProject: (project: string) => void;
}) {
  const queryClient = useQueryClient();
  const projects = useQuery(projectsQuery);
  const query = useQuery({ ...keysQuery(project ?? ''), enabled: Boolean(project) });
  const [making, setMaking] = useState(false);
  const [secret, setSecret] = useState<{ key: Key; secret: string }>();
  const refresh = () => queryClient.invalidateQueries({ queryKey: ['flag_key'] });
  const revoke = useMutation({
    mutationFn: (key: Key) =>
      api.delete('/v1/flag-projects/{project}/keys/{id}', { path: { project: project!, id: key.id } }),
    onSuccess: (_, key) => {
      toastDone(e.revokedDone(key.name));
      void refresh();
    },
    onError: (error) => toastError(error),
  });
  const rotate = useMutation({
    mutationFn: (key: Key) =>
      api.post(
        '/v1/flag-projects/{project}/keys/{id}/rotate',
        { path: { project: project!, id: key.id } },
        { overlapMinutes: overlapMinutes },
      ),
    onSuccess: (answer) => {
      setSecret({ key: answer.key as Key, secret: answer.secret });
      void refresh();
    },
    onError: (error) => toastError(error),
  });
  const add = project && (
    <Button leftSection={<IconPlus size={16} />} onClick={() => setMaking(true)}>
      {e.add}
    </Button>
  );
  return (
    <FlagsFrame title={e.title} description={e.description} actions={add}>
      <ListToolbar>
        <ProjectPicker value={project} onChange={onProject} />
      </ListToolbar>
      <div className="sph-card">
        {(projects.isPending || (project && query.isPending)) && <Skeletons rows={4} />}
        {query.error && !query.data && <ErrorState error={query.error} retry={() => void query.refetch()} />}
        {(projects.data?.length === 0 || query.data?.length === 0) && (
          <EmptyState icon={<IconKey size={32} />} title={e.none} text={e.noneText} action={add} />
        )}
        {query.data && query.data.length > 0 && (
          <Table.ScrollContainer minWidth={820}>
            <Table verticalSpacing="sm" horizontalSpacing="md">
              <Table.Thead>
                <Table.Tr>
                  <Table.Th>{e.name}</Table.Th>
                  <Table.Th>{e.kind}</Table.Th>
                  <Table.Th>{e.environment}</Table.Th>
                  <Table.Th>{e.origins}</Table.Th>
                  <Table.Th>{e.created}</Table.Th>
                  <Table.Th>{e.used}</Table.Th>
                  <Table.Th>
                    <span style={{ float: 'right' }}>{e.act}</span>
                  </Table.Th>
                </Table.Tr>
              </Table.Thead>
              <Table.Tbody>
                {query.data.map((key) => (
                  <Table.Tr key={key.id}>
                    <Table.Td>
                      {key.name} <span className="mono sph-muted">{key.hint}…</span>
                    </Table.Td>
                    <Table.Td>
                      <Pill tone={key.kind === 'server' ? 'warn' : 'mute'}>
                        {e.kinds[key.kind] ?? key.kind}
                      </Pill>
                    </Table.Td>
                    <Table.Td>{key.environment || e.everyEnvironment}</Table.Td>
                    <Table.Td style={{ overflowWrap: 'anywhere' }}>
                      {key.kind === 'client' ? (key.origins ?? []).join(', ') || e.noOrigin : '–'}
                    </Table.Td>
                    <Table.Td>
                      <When at={key.createdAt} />
                    </Table.Td>
                    <Table.Td>
                      <When at={key.usedAt} />
                      {key.expiresAt && (
                        <Text size="xs" className="sph-muted" component="div">
                          {e.ends} <When at={key.expiresAt} />
                        </Text>
                      )}
                    </Table.Td>
                    <Table.Td>
                      <Group gap={4} justify="flex-end" wrap="nowrap">
                        <Button
                          size="compact-sm"
                          variant="default"
                          aria-label={e.rotateLabel(key.name)}
                          onClick={() =>
                            confirm({
                              title: e.rotateTitle(key.name),
                              text: e.rotateText,
                              verb: e.rotate,
                              onConfirm: () => rotate.mutate(key),
                            })
                          }
                        >
                          {e.rotate}
                        </Button>
                        <Button
                          size="compact-sm"
                          variant="subtle"
                          color="red"
                          aria-label={e.revokeLabel(key.name)}
                          onClick={() =>
                            confirm({
                              title: e.revokeTitle(key.name),
                              text: e.revokeText,
                              verb: e.revoke,
                              danger: true,
                              onConfirm: () => revoke.mutate(key),
                            })
                          }
                        >
                          {e.revoke}
                        </Button>
                      </Group>
                    </Table.Td>
                  </Table.Tr>
                ))}
              </Table.Tbody>
            </Table>
          </Table.ScrollContainer>
        )}
      </div>
      {making && project && (
        <MakeKey
          project={project}
          onClose={() => setMaking(false)}
          onMade={(made) => {
            setMaking(false);
            setSecret(made);
            void refresh();
          }}
        />
      )}
      {secret && <Once made={secret.key} secret={secret.secret} onClose={() => setSecret(undefined)} />}
    </FlagsFrame>
  );
}

/** The old key lives on for a day, so that services can change over. */
const overlapMinutes = 24 * 60;

function MakeKey({
  project,
  onClose,
  onMade,
}: {
  project: string;
  onClose: () => void;
  onMade: (made: { key: Key; secret: string }) => void;
}) {
  const environments = useQuery(environmentsQuery).data ?? [];
  const [name, setName] = useState('');
  const [kind, setKind] = useState<'server' | 'client'>('server');
  const [environment, setEnvironment] = useState<string | null>(null);
  const [origins, setOrigins] = useState<string[]>([]);
  const make = useMutation({
    mutationFn: () =>
      api.post(
        '/v1/flag-projects/{project}/keys',
        { path: { project } },
        {
          name: name.trim(),
          kind,
          environment: environment ?? undefined,
          origins: kind === 'client' ? origins : undefined,
        },
      ),
    onSuccess: (answer) => onMade({ key: answer.key as Key, secret: answer.secret }),
  });
  const errors = isApiError(make.error) ? make.error.fieldErrors() : {};
  return (
    <Dialog opened onClose={onClose} title={e.add}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          make.mutate();
        }}
      >
        <Stack gap="md">
          <TextInput
            label={e.name}
            description={e.nameHint}
            data-autofocus
            maxLength={100}
            value={name}
            error={errors.name}
            onChange={(event) => setName(event.currentTarget.value)}
          />
          <Radio.Group
            label={e.kind}
            value={kind}
            onChange={(value) => setKind(value as 'server' | 'client')}
            error={errors.kind}
          >
            <Stack gap="xs" mt={4}>
              {(['server', 'client'] as const).map((each) => (
                <Radio key={each} value={each} label={e.kinds[each]} description={e.kindTexts[each]} />
              ))}
            </Stack>
          </Radio.Group>
          <Select
            label={e.environment}
            data={environments}
            value={environment}
            error={errors.environment}
            placeholder={kind === 'server' ? e.everyEnvironment : undefined}
            clearable={kind === 'server'}
            clearButtonProps={{ 'aria-label': t.common.clearSelection }}
            onChange={setEnvironment}
          />
          {kind === 'client' && (
            <TagsInput
              label={e.origins}
              description={e.originsHint}
              acceptValueOnBlur
              value={origins}
              error={Object.entries(errors).find(([field]) => field.startsWith('origins'))?.[1]}
              onChange={setOrigins}
            />
          )}
          {make.error && Object.keys(errors).length === 0 && <SaveError error={make.error} />}
          <Group justify="flex-end" gap="xs">
            <Button variant="default" onClick={onClose}>
              {t.common.cancel}
            </Button>
            <Button
              type="submit"
              disabled={!name.trim() || (kind === 'client' && !environment)}
              loading={make.isPending}
            >
              {e.make}
            </Button>
          </Group>
        </Stack>
      </form>
    </Dialog>
  );
}

/** The key, this one time, with what a service needs to use it. */
function Once({ made, secret, onClose }: { made: Key; secret: string; onClose: () => void }) {
  const base = `${window.location.origin}/flags/${made.environment || 'ENVIRONMENT'}`;
  const lines = `OFREP_ENDPOINT=${base}\nOFREP_HEADERS=Authorization=Bearer%20${secret}`;
  return (
    <Dialog opened onClose={onClose} title={e.once} size="lg" closeOnClickOutside={false}>
      <Stack gap="md">
        <Note tone="warn" role="status">
          {e.onceText}
        </Note>
        <Group gap="xs" wrap="nowrap">
          <Code style={{ overflowX: 'auto', flex: 1 }} fz="sm" tabIndex={0}>
            {secret}
          </Code>
          <CopyButton value={secret} label={e.copy} size="md" />
        </Group>
        <div>
          <Text size="sm" fw={600}>
            {e.howTo}
          </Text>
          <Group gap="xs" wrap="nowrap" align="flex-start">
            <Code block style={{ overflowX: 'auto', flex: 1 }} tabIndex={0}>
              {lines}
            </Code>
            <CopyButton value={lines} label={e.copyLines} size="md" />
          </Group>
        </div>
        <Group justify="flex-end">
          <Button onClick={onClose}>{e.done}</Button>
        </Group>
      </Stack>
    </Dialog>
  );
}
