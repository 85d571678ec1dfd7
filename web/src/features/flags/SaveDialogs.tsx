import { Button, Group, Stack, Text } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { notifications } from '@mantine/notifications';
import { useState } from 'react';
import { isApiError } from '~/api/errors';
import { tf } from '~/strings/flags';
import { Dialog } from '~/ui/Dialog';
import { Note } from '~/ui/Note';
import { ErrorState, Skeletons } from '~/ui/States';
import { isProduction, toastUndo } from './EnvToggle';
import css from './flags.module.css';
import { problemsOf, settingOf } from './model';
import { sendEdit, useEdit } from './mutations';
import { PreviewView, WordList } from './PreviewView';
import { flagQuery, previewQuery } from './queries';
import { ReasonField } from './ReasonDialog';
import { whole } from './share';
import { idOf, type Flag, type FlagEnvironment } from './types';
import type { Draft } from './useDraft';
import { differenceText } from './words';

const e = tf.editor;

type Props = {
  flag: Flag;
  environment: FlagEnvironment;
  draft: Draft;
  onClose: () => void;
  onSaved: () => void;
};

/** From the change on screen to the saved one: review, and what somebody else did meanwhile. */
export function SaveDialogs(props: Props) {
  const { draft } = props;
  const problems = problemsOf(draft.setting, whole);
  if (problems.size > 0) return <Incomplete problems={[...problems.keys()]} onClose={props.onClose} />;
  // Saved by others after the change was begun: both sides are shown first.
  return draft.outdated ? <Conflict {...props} /> : <Review {...props} />;
}

function Incomplete({ problems, onClose }: { problems: string[]; onClose: () => void }) {
  return (
    <Dialog opened onClose={onClose} title={e.incomplete}>
      <Text size="sm">{e.incompleteText(problems.length)}</Text>
      <ul className={css.words}>
        {problems.map((place) => {
          const rule = /^rules\.(\d+)/.exec(place)?.[1];
          return <li key={place}>{rule === undefined ? e.otherwise : e.rule(Number(rule) + 1)}</li>;
        })}
      </ul>
      <Group justify="flex-end" mt="lg">
        <Button onClick={onClose} data-autofocus>
          {e.keepEditing}
        </Button>
      </Group>
    </Dialog>
  );
}

function Review({ flag, environment, draft, onClose, onSaved }: Props) {
  const name = environment.environment;
  const queryClient = useQueryClient();
  const preview = useQuery({
    ...previewQuery(flag.project, flag.key, name, draft.version, draft.patch),
    staleTime: 0,
  });
  const edit = useEdit();
  const [reason, setReason] = useState('');
  const [asked, setAsked] = useState(false);
  const required = isProduction(environment);
  const missing = required && reason.trim() === '';
  const needsApproval = preview.data?.needsApproval ?? false;
  const save = () => {
    setAsked(true);
    if (missing) return;
    const { project, key } = flag;
    edit.mutate(
      {
        project,
        key,
        environment: name,
        version: draft.version,
        patch: draft.patch,
        reason: reason.trim() || undefined,
        propose: needsApproval || undefined,
      },
      {
        onSuccess: (answer) => {
          const before = draft.base;
          draft.discard();
          onSaved();
          if (answer.proposal) {
            notifications.show({ color: 'yellow', message: tf.list.waits(key) });
            return;
          }
          const now = answer.flag.environments.find((each) => each.environment === name);
          toastUndo(`flag-${idOf(flag)}-${name}`, e.saved(key, name), () => {
            void sendEdit({
              project,
              key,
              environment: name,
              version: now?.version ?? 0,
              patch: before,
              reason: tf.list.undo,
            })
              .then(() => queryClient.invalidateQueries({ queryKey: ['flag'] }))
              .then(() => notifications.show({ color: 'teal', message: tf.list.undone(key) }))
              .catch((error: Error) => notifications.show({ color: 'red', message: error.message }));
          });
        },
        onError: (error) => {
          // The page learns what is there now; then both sides are shown.
          if (isApiError(error) && error.status === 409) {
            void queryClient.invalidateQueries({ queryKey: flagQuery(project, key).queryKey });
          }
        },
      },
    );
  };
  return (
    <Dialog opened onClose={onClose} title={e.reviewTitle(flag.key, name)} size="lg">
      <Stack gap="md">
        {preview.isPending && <Skeletons rows={4} />}
        {preview.error && <ErrorState error={preview.error} retry={() => void preview.refetch()} />}
        {preview.data && <PreviewView flag={flag} environment={name} preview={preview.data} />}
        {needsApproval && (
          <Note tone="warn" title={e.needsApproval} role="status">
            {preview.data?.why}
          </Note>
        )}
        <ReasonField value={reason} onChange={setReason} required={required} error={asked && missing} />
        {edit.error && <SaveError error={edit.error} />}
        <Group justify="flex-end" gap="xs">
          <Button variant="default" onClick={onClose}>
            {e.keepEditing}
          </Button>
          <Button onClick={save} loading={edit.isPending} disabled={!preview.data}>
            {needsApproval ? e.saveAsk : e.save}
          </Button>
        </Group>
      </Stack>
    </Dialog>
  );
}

/** What the server refused, with every part of it. */
export function SaveError({ error }: { error: Error }) {
  return (
    <Note tone="bad" role="alert" title={error.message}>
      {isApiError(error) && (
        <>
          {error.reason && <div>{error.reason}</div>}
          {error.details.map((detail) => (
            <div key={`${detail.field} ${detail.problem}`}>
              {detail.field} {detail.problem}
              {detail.expected && ` (${detail.expected})`}
            </div>
          ))}
          {error.alternative && <div>{error.alternative}</div>}
          {error.contact && <div>{error.contact}</div>}
        </>
      )}
    </Note>
  );
}

function Conflict({ environment, draft, onClose }: Props) {
  const theirs = differenceText(draft.base, settingOf(environment));
  const mine = differenceText(draft.base, draft.setting);
  return (
    <Dialog opened onClose={onClose} title={e.conflictTitle} size="lg">
      <Stack gap="md">
        <Text size="sm">
          {e.conflictText(
            environment.updatedByName || environment.updatedBy || e.somebody,
            environment.version,
          )}
        </Text>
        <div className={css.sides}>
          <div className={css.side}>
            <WordList title={e.conflictTheirs} lines={theirs} none={e.conflictNothing} />
          </div>
          <div className={css.side}>
            <WordList title={e.conflictMine} lines={mine} none={e.conflictNothing} />
          </div>
        </div>
        <Text size="sm" className="sph-muted">
          {e.conflictHint}
        </Text>
        <Group justify="flex-end" gap="xs">
          <Button variant="default" onClick={onClose}>
            {e.keepEditing}
          </Button>
          <Button
            variant="default"
            onClick={() => {
              draft.discard();
              onClose();
            }}
          >
            {e.takeTheirs}
          </Button>
          <Button onClick={draft.rebase}>{e.takeMine}</Button>
        </Group>
      </Stack>
    </Dialog>
  );
}
