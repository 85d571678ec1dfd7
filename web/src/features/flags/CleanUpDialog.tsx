import { Button, Group, Select, Stack, Text } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { api } from '~/api/client';
import { plural } from '~/lib/format';
import { t } from '~/strings';
import { tf } from '~/strings/flags';
import { Dialog } from '~/ui/Dialog';
import { Note } from '~/ui/Note';
import { ErrorState, Skeletons } from '~/ui/States';
import css from './flags.module.css';
import { flagQuery } from './queries';
import { SaveError } from './SaveDialogs';
import { sharesOf } from './model';
import { whole } from './share';
import type { Flag } from './types';

const p = tf.page;

/** The variation that everybody gets where most is open, for a first choice. */
export function usualKeep(flag: Flag): string {
  const names = flag.variations.map(({ name }) => name);
  for (const environment of [...flag.environments].reverse()) {
    if (!environment.on || environment.rules.length > 0) continue;
    const all = sharesOf(environment.serve, environment.default, names, whole).find(
      (each) => each.weight === whole,
    );
    if (all) return all.variation;
  }
  return names[0] ?? '';
}

/** Takes a flag out of the code by pull requests, after a look at the places. */
export function CleanUpDialog({
  project,
  flagKey,
  keep: given,
  onClose,
}: {
  project: string;
  flagKey: string;
  keep?: string;
  onClose: () => void;
}) {
  const queryClient = useQueryClient();
  const flag = useQuery(flagQuery(project, flagKey)).data;
  const [chosen, setChosen] = useState<string>();
  const keep = chosen ?? (given || (flag ? usualKeep(flag) : ''));
  const ask = (dryRun: boolean) =>
    api.post(
      '/v1/flag-projects/{project}/flags/{key}/clean-up',
      { path: { project, key: flagKey } },
      { keep, dryRun },
    );
  const look = useQuery({
    queryKey: ['flag', 'clean-up', project, flagKey, keep],
    queryFn: () => ask(true),
    enabled: keep !== '',
    retry: false,
  });
  const open = useMutation({
    mutationFn: () => ask(false),
    onSuccess: () => void queryClient.invalidateQueries({ queryKey: ['pull_request'] }),
  });
  const found = open.data?.repositories ?? look.data?.repositories ?? [];
  const replaced = found.reduce((sum, each) => sum + each.replaced.length, 0);
  const left = found.reduce((sum, each) => sum + each.left.length, 0);
  return (
    <Dialog opened onClose={onClose} title={p.cleanUpTitle(flagKey)} size="lg">
      <Stack gap="md">
        <Text size="sm">{p.cleanUpText}</Text>
        {!open.data && (
          <Select
            label={p.cleanUpKeep}
            allowDeselect={false}
            data={flag?.variations.map(({ name }) => name) ?? []}
            value={keep || null}
            onChange={(value) => value && setChosen(value)}
          />
        )}
        {look.isPending && <Skeletons rows={3} />}
        {look.error && <ErrorState error={look.error} retry={() => void look.refetch()} />}
        {look.data && replaced + left === 0 && (
          <Note tone="info" role="status">
            {p.cleanUpNothing}
          </Note>
        )}
        {found.map((each) => (
          <div key={each.repository}>
            <Group justify="space-between" gap="xs">
              <Text size="sm" fw={600}>
                {each.repository}: {plural(each.replaced.length, 'call')}
              </Text>
              {each.number !== undefined && (
                <Link
                  to="/forge/$repo/pulls/$number"
                  params={{ repo: each.repository, number: String(each.number) }}
                >
                  {p.openPull(each.number)}
                </Link>
              )}
            </Group>
            <Places repository={each.repository} places={each.replaced} />
            {each.left.length > 0 && (
              <>
                <Text size="sm" className="sph-muted">
                  {p.cleanUpLeft}
                </Text>
                <Places repository={each.repository} places={each.left} />
              </>
            )}
          </div>
        ))}
        {open.data && (
          <Note tone="ok" role="status">
            {p.cleanUpOpened}
          </Note>
        )}
        {open.error && <SaveError error={open.error} />}
        <Group justify="flex-end" gap="xs">
          <Button variant="default" onClick={onClose}>
            {open.data ? t.common.close : t.common.cancel}
          </Button>
          {!open.data && (
            <Button disabled={replaced === 0} loading={open.isPending} onClick={() => open.mutate()}>
              {p.cleanUpDo}
            </Button>
          )}
        </Group>
      </Stack>
    </Dialog>
  );
}

function Places({
  repository,
  places,
}: {
  repository: string;
  places: { path: string; line: number; text: string }[];
}) {
  return (
    <ul className={css.words}>
      {places.slice(0, 50).map((place, i) => (
        <li key={`${place.path}:${place.line}:${i}`}>
          <Link to="/forge/$repo" params={{ repo: repository }} search={{ path: place.path }}>
            {place.path}:{place.line}
          </Link>
          <code className={css.codeLine}>{place.text}</code>
        </li>
      ))}
    </ul>
  );
}
