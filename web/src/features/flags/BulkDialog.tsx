import { Button, Group, Select, Stack, TagsInput, Text } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api } from '~/api/client';
import { teamsQuery } from '~/api/queries';
import { isApiError } from '~/api/errors';
import { plural } from '~/lib/format';
import { t } from '~/strings';
import { tf } from '~/strings/flags';
import { Dialog } from '~/ui/Dialog';
import { Note } from '~/ui/Note';
import { toastDone } from '~/ui/toast';
import { isProduction } from './EnvToggle';
import { ReasonField } from './ReasonDialog';
import { settingsOf } from './settings';
import { idOf, type Flag } from './types';

export type What = 'on' | 'off' | 'archive' | 'tags' | 'owner';
type Result = { project: string; key: string; ok: boolean; message?: string };

const labels = { on: tf.list.turnOn, off: tf.list.turnOff, archive: tf.list.bulkArchive };
const titles = {
  on: tf.list.bulkOnTitle,
  off: tf.list.bulkOffTitle,
  archive: tf.list.bulkArchiveTitle,
  tags: tf.list.bulkTagTitle,
  owner: tf.list.bulkOwnerTitle,
};

/** Changes many flags; each succeeds or fails by itself. */
export function BulkDialog({
  what,
  flags,
  environment,
  onClose,
}: {
  what: What;
  flags: Flag[];
  /** The environment that the list is narrowed to. */
  environment?: string;
  onClose: () => void;
}) {
  const queryClient = useQueryClient();
  const [reason, setReason] = useState('');
  const [add, setAdd] = useState<string[]>([]);
  const [remove, setRemove] = useState<string[]>([]);
  const [owner, setOwner] = useState<string | null>(null);
  const [env, setEnv] = useState<string | null>(environment ?? null);
  const turns = what === 'on' || what === 'off';
  const environments = new Map(
    flags.flatMap((flag) => flag.environments.map((each) => [each.environment, each] as const)),
  );
  const production = turns && env !== null && isProduction(environments.get(env)!);
  const teams = useQuery({ ...teamsQuery, enabled: what === 'owner' }).data ?? [];
  const run = useMutation({
    mutationFn: () => {
      if (what === 'archive') return bulk(what, flags, reason, undefined);
      if (turns) return bulk(what, flags, reason, env!);
      if (what === 'owner') return each(flags, reason, () => ({ owner: owner ?? '' }));
      return each(flags, reason, (flag) => ({
        tags: [...new Set([...(flag.tags ?? []), ...add])].filter((tag) => !remove.includes(tag)),
      }));
    },
    onSettled: () => void queryClient.invalidateQueries({ queryKey: ['flag'] }),
    onSuccess: (results) => {
      if (results.some((result) => !result.ok)) return;
      toastDone(tf.list.bulkDone(plural(results.length, 'flag')));
      onClose();
    },
  });
  const failed = run.data?.filter((result) => !result.ok) ?? [];
  const known = [...new Set(flags.flatMap((flag) => flag.tags ?? []))];
  const empty =
    (what === 'tags' && add.length + remove.length === 0) ||
    (what === 'owner' && owner === null) ||
    (turns && (env === null || (production && !reason.trim())));
  return (
    <Dialog opened onClose={onClose} title={titles[what](plural(flags.length, 'flag'))}>
      <Stack gap="md">
        {what === 'archive' && <Text size="sm">{tf.list.bulkArchiveText}</Text>}
        {turns && (
          <Select
            label={tf.list.environment}
            description={what === 'off' ? tf.list.bulkOffText : tf.list.bulkOnText}
            allowDeselect={false}
            data={[...environments.keys()]}
            value={env}
            onChange={setEnv}
          />
        )}
        {what === 'tags' && (
          <>
            <TagsInput label={tf.list.bulkTagAdd} value={add} onChange={setAdd} acceptValueOnBlur />
            <TagsInput
              label={tf.list.bulkTagRemove}
              data={known}
              value={remove}
              onChange={setRemove}
              acceptValueOnBlur
            />
          </>
        )}
        {what === 'owner' && (
          <Select
            label={tf.list.bulkOwnerField}
            searchable
            data={teams.map((team) => team.name)}
            value={owner}
            onChange={setOwner}
          />
        )}
        {run.data ? (
          <Note
            tone="warn"
            role="alert"
            title={tf.list.bulkPartly(run.data.length - failed.length, failed.length)}
          >
            <ul style={{ margin: 0, paddingLeft: 18 }}>
              {failed.map((result) => (
                <li key={idOf(result)}>
                  {idOf(result)}: {result.message}
                </li>
              ))}
            </ul>
          </Note>
        ) : (
          <ReasonField value={reason} onChange={setReason} required={production} />
        )}
        {run.error && (
          <Note tone="bad" role="alert">
            {run.error.message}
          </Note>
        )}
        <Group justify="flex-end" gap="xs">
          <Button variant="default" onClick={onClose}>
            {run.data ? t.common.close : t.common.cancel}
          </Button>
          {!run.data && (
            <Button
              color={what === 'archive' || (what === 'off' && production) ? 'red' : undefined}
              disabled={empty}
              loading={run.isPending}
              onClick={() => run.mutate()}
            >
              {what === 'tags' || what === 'owner' ? tf.list.bulkApply : labels[what]}
            </Button>
          )}
        </Group>
      </Stack>
    </Dialog>
  );
}

async function bulk(
  what: 'on' | 'off' | 'archive',
  flags: Flag[],
  reason: string,
  environment: string | undefined,
): Promise<Result[]> {
  const named = flags.map(({ project, key, version, environments }) => ({
    project,
    key,
    version: environments.find((each) => each.environment === environment)?.version ?? version,
  }));
  const { results } = await api.post('/v1/flags/bulk', {}, { do: what, reason, environment, flags: named });
  return results;
}

/** Changes the settings of each flag; what one refuses keeps none of the others. */
async function each(
  flags: Flag[],
  reason: string,
  part: (flag: Flag) => { owner?: string; tags?: string[] },
): Promise<Result[]> {
  const results: Result[] = [];
  for (const flag of flags) {
    const { project, key, version } = flag;
    try {
      await api.put(
        '/v1/flag-projects/{project}/flags/{key}',
        { path: { project, key } },
        { ...settingsOf(flag), ...part(flag), version, reason },
      );
      results.push({ project, key, ok: true });
    } catch (error) {
      if (!isApiError(error)) throw error;
      results.push({ project, key, ok: false, message: error.message });
    }
  }
  return results;
}
