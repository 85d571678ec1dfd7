import { Button, Group, Text } from '@mantine/core';
import { useInfiniteQuery, useMutation, useQueryClient } from '@tanstack/react-query';
import { notifications } from '@mantine/notifications';
import { lazy, Suspense, useState } from 'react';
import { api } from '~/api/client';
import { tf } from '~/strings/flags';
import { Pill, When, type Tone } from '~/ui/bits';
import { IconHistory } from '~/ui/icons';
import { Section } from '~/ui/Section';
import { EmptyState, ErrorState, Skeletons } from '~/ui/States';
import { toastDone } from '~/ui/toast';
import css from './flags.module.css';
import { remember } from './mutations';
import { WordList } from './PreviewView';
import { historyQuery } from './queries';
import { ReasonDialog } from './ReasonDialog';
import { SaveError } from './SaveDialogs';
import type { Change, Flag, FlagEnvironment } from './types';

const JsonDiff = lazy(() => import('./JsonDiff').then((m) => ({ default: m.JsonDiff })));
const e = tf.history;

const tones: Record<string, Tone> = {
  create: 'ok',
  on: 'ok',
  off: 'bad',
  archive: 'bad',
  restore: 'ok',
  revert: 'warn',
  schedule: 'mute',
};

/** Every change of a flag in one environment, and of its settings; each can be taken back. */
export function HistoryTab({ flag, environment }: { flag: Flag; environment: FlagEnvironment }) {
  const name = environment.environment;
  const query = useInfiniteQuery(historyQuery(flag.project, flag.key, name));
  const [reverting, setReverting] = useState<Change>();
  const changes = query.data?.pages.flatMap((page) => page.changes) ?? [];
  return (
    <Section title={e.title} description={e.text} flush>
      {query.isPending && <Skeletons rows={6} />}
      {query.error && !query.data && <ErrorState error={query.error} retry={() => void query.refetch()} />}
      {query.data && changes.length === 0 && <EmptyState icon={<IconHistory size={28} />} title={e.none} />}
      {changes.map((change, i) => (
        <Row
          key={change.version}
          change={change}
          open={i === 0}
          onRevert={change.verb === 'create' || flag.archivedAt ? undefined : () => setReverting(change)}
        />
      ))}
      {query.hasNextPage && (
        <Group p="sm" justify="center">
          <Button
            variant="subtle"
            size="compact-sm"
            loading={query.isFetchingNextPage}
            onClick={() => void query.fetchNextPage()}
          >
            {e.more}
          </Button>
        </Group>
      )}
      {reverting && (
        <Revert
          flag={flag}
          environment={environment}
          change={reverting}
          onClose={() => setReverting(undefined)}
        />
      )}
    </Section>
  );
}

function Row({ change, open: first, onRevert }: { change: Change; open: boolean; onRevert?: () => void }) {
  const [open, setOpen] = useState(first);
  const [json, setJson] = useState(false);
  return (
    <article className={css.change} aria-label={tf.page.version(change.version)}>
      <Group justify="space-between" gap="xs">
        <Group gap="sm">
          <Text size="sm" fw={600} className="num">
            {tf.page.version(change.version)}
          </Text>
          <Pill tone={tones[change.verb] ?? 'info'}>{e.verbs[change.verb] ?? change.verb}</Pill>
          <Text size="sm" className="sph-muted" component="div">
            <When at={change.at} /> · {change.authorName || change.author}
            {change.approvedByName && ` · ${e.approvedBy(change.approvedByName)}`}
            {!change.environment && ` · ${e.everywhere}`}
          </Text>
        </Group>
        <Group gap={4}>
          <Button size="compact-sm" variant="subtle" aria-expanded={open} onClick={() => setOpen(!open)}>
            {e.show}
          </Button>
          {onRevert && (
            <Button
              size="compact-sm"
              variant="default"
              aria-label={e.revertLabel(change.version)}
              onClick={onRevert}
            >
              {e.revert}
            </Button>
          )}
        </Group>
      </Group>
      <Text size="sm" mt={2} className={change.reason ? undefined : 'sph-muted'}>
        {change.reason || e.noReason}
      </Text>
      {open && (
        <>
          <WordList lines={change.diff} none={tf.editor.reviewNothing} />
          <button
            type="button"
            className={css.linkButton}
            aria-expanded={json}
            onClick={() => setJson(!json)}
          >
            {json ? tf.editor.hideJson : e.asJson}
          </button>
          {json && (
            <Suspense fallback={<Skeletons rows={3} />}>
              <JsonDiff
                name={`version-${change.version}.json`}
                before={change.before ?? {}}
                after={change.after ?? {}}
              />
            </Suspense>
          )}
        </>
      )}
    </article>
  );
}

function Revert({
  flag,
  environment,
  change,
  onClose,
}: {
  flag: Flag;
  environment: FlagEnvironment;
  change: Change;
  onClose: () => void;
}) {
  const queryClient = useQueryClient();
  const { project, key } = flag;
  const revert = useMutation({
    mutationFn: (reason: string) =>
      api.post(
        '/v1/flag-projects/{project}/flags/{key}/revert',
        { path: { project, key } },
        {
          version: change.version,
          current: change.environment ? environment.version : flag.version,
          reason,
          propose: true,
        },
      ),
    onSuccess: (answer) => {
      remember(queryClient, answer.flag);
      if (answer.proposal) notifications.show({ color: 'yellow', message: tf.list.waits(key) });
      else toastDone(e.reverted(change.version));
      onClose();
    },
  });
  return (
    <ReasonDialog
      title={e.revertTitle(change.version)}
      text={e.revertText}
      verb={e.revert}
      pending={revert.isPending}
      onConfirm={(reason) => revert.mutate(reason)}
      onClose={onClose}
    >
      <WordList title={e.takesBack} lines={change.diff} none={tf.editor.reviewNothing} />
      {revert.error && <SaveError error={revert.error} />}
    </ReasonDialog>
  );
}
