import { Button, Group, Select, Stack, Text, TextInput } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { api } from '~/api/client';
import { isApiError } from '~/api/errors';
import { t } from '~/strings';
import { tf } from '~/strings/flags';
import { Dialog } from '~/ui/Dialog';
import { Note } from '~/ui/Note';
import { Skeletons } from '~/ui/States';
import { toastDone, toastError } from '~/ui/toast';
import { isProduction } from './EnvToggle';
import type { FlagDialog } from './FlagPage';
import { ProjectDialog } from './ProjectDialog';
import { remember } from './mutations';
import { PreviewView } from './PreviewView';
import { ReasonDialog, ReasonField } from './ReasonDialog';
import { SaveError } from './SaveDialogs';
import type { Flag } from './types';

const p = tf.page;

type Props = { flag: Flag; environment?: string; onClose: () => void };

/** The dialogs of a flag's menu. */
export function FlagDialogs({ dialog, ...props }: Props & { dialog: FlagDialog }) {
  switch (dialog) {
    case 'clone':
      return <Clone {...props} />;
    case 'archive':
      return <Archive {...props} />;
    case 'restore':
      return <Restore {...props} />;
    case 'project':
      return <ProjectDialog project={props.flag.project} onClose={props.onClose} />;
    case 'promote':
      return <Promote {...props} />;
  }
}

function Clone({ flag, onClose }: Props) {
  const queryClient = useQueryClient();
  const navigate = useNavigate();
  const [key, setKey] = useState(`${flag.key}-copy`);
  const clone = useMutation({
    mutationFn: () =>
      api.post(
        '/v1/flag-projects/{project}/flags/{key}/clone',
        { path: { project: flag.project, key: flag.key } },
        { key: key.trim() },
      ),
    onSuccess: async (answer) => {
      remember(queryClient, answer.flag);
      toastDone(p.cloned(answer.flag.key));
      onClose();
      await navigate({
        to: '/flags/$project/$key',
        params: { project: answer.flag.project, key: answer.flag.key },
      });
    },
  });
  const errors = isApiError(clone.error) ? clone.error.fieldErrors() : {};
  return (
    <Dialog opened onClose={onClose} title={p.cloneTitle(flag.key)}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          clone.mutate();
        }}
      >
        <Stack gap="md">
          <Text size="sm">{p.cloneText}</Text>
          <TextInput
            label={p.cloneKey}
            data-autofocus
            value={key}
            maxLength={100}
            error={errors.key}
            onChange={(event) => setKey(event.currentTarget.value)}
          />
          {clone.error && !errors.key && <SaveError error={clone.error} />}
          <Group justify="flex-end" gap="xs">
            <Button variant="default" onClick={onClose}>
              {t.common.cancel}
            </Button>
            <Button type="submit" disabled={!key.trim()} loading={clone.isPending}>
              {p.cloneDo}
            </Button>
          </Group>
        </Stack>
      </form>
    </Dialog>
  );
}

function Archive({ flag, onClose }: Props) {
  const queryClient = useQueryClient();
  const archive = useMutation({
    mutationFn: (reason: string) =>
      api.post(
        '/v1/flag-projects/{project}/flags/{key}/archive',
        { path: { project: flag.project, key: flag.key } },
        { version: flag.version, reason },
      ),
    onSuccess: (answer) => {
      remember(queryClient, answer.flag);
      toastDone(p.archived(flag.key));
      onClose();
    },
  });
  return (
    <ReasonDialog
      title={p.archiveTitle(flag.key)}
      text={p.archiveText}
      verb={p.archive}
      danger
      pending={archive.isPending}
      onConfirm={(reason) => archive.mutate(reason)}
      onClose={onClose}
    >
      {archive.error && <SaveError error={archive.error} />}
    </ReasonDialog>
  );
}

function Restore({ flag, onClose }: Props) {
  const queryClient = useQueryClient();
  const restore = useMutation({
    mutationFn: (reason: string) =>
      api.post(
        '/v1/flag-projects/{project}/flags/{key}/restore',
        { path: { project: flag.project, key: flag.key } },
        { reason },
      ),
    onSuccess: (answer) => {
      remember(queryClient, answer.flag);
      toastDone(p.restored(flag.key));
      onClose();
    },
    onError: (error) => toastError(error),
  });
  return (
    <ReasonDialog
      title={p.restoreTitle(flag.key)}
      text={p.restoreText}
      verb={p.restore}
      required={false}
      pending={restore.isPending}
      onConfirm={(reason) => restore.mutate(reason)}
      onClose={onClose}
    />
  );
}

/** Takes over what a flag does in one environment, after a look at the difference. */
function Promote({ flag, environment, onClose }: Props) {
  const queryClient = useQueryClient();
  const names = flag.environments.map((each) => each.environment);
  const start = Math.max(0, environment ? names.indexOf(environment) : 0);
  const [from, setFrom] = useState(names[start === names.length - 1 ? Math.max(0, start - 1) : start]!);
  const [to, setTo] = useState(names[start === names.length - 1 ? start : start + 1] ?? names[0]!);
  const [reason, setReason] = useState('');
  const [asked, setAsked] = useState(false);
  const target = flag.environments.find((each) => each.environment === to);
  const ask = (dryRun: boolean, propose?: boolean) =>
    api.post(
      '/v1/flag-projects/{project}/flags/{key}/promote',
      { path: { project: flag.project, key: flag.key } },
      { from, to, version: target?.version ?? 0, dryRun, propose, reason: reason.trim() || undefined },
    );
  const preview = useQuery({
    queryKey: ['flag', 'promotion', flag.project, flag.key, from, to, target?.version],
    queryFn: () => ask(true),
    enabled: from !== to,
    retry: false,
  });
  const needsApproval = preview.data?.preview.needsApproval ?? false;
  const promote = useMutation({
    mutationFn: () => ask(false, needsApproval || undefined),
    onSuccess: (answer) => {
      remember(queryClient, answer.flag);
      if (answer.proposal) notifications.show({ color: 'yellow', message: tf.list.waits(flag.key) });
      else toastDone(p.promoted(to));
      onClose();
    },
  });
  const required = target !== undefined && isProduction(target);
  const missing = required && reason.trim() === '';
  const same = preview.data?.preview.diff.length === 0;
  return (
    <Dialog opened onClose={onClose} title={p.promoteTitle(flag.key)} size="lg">
      <Stack gap="md">
        <Text size="sm">{p.promoteText}</Text>
        <Group grow>
          <Select
            label={p.promoteFrom}
            allowDeselect={false}
            data={names}
            value={from}
            onChange={(value) => value && setFrom(value)}
          />
          <Select
            label={p.promoteTo}
            allowDeselect={false}
            data={names.filter((name) => name !== from)}
            value={to === from ? null : to}
            onChange={(value) => value && setTo(value)}
          />
        </Group>
        {from !== to && preview.isPending && <Skeletons rows={4} />}
        {preview.error && <SaveError error={preview.error} />}
        {same && (
          <Note tone="info" role="status">
            {p.promoteSame}
          </Note>
        )}
        {preview.data && !same && (
          <>
            <PreviewView flag={flag} environment={to} preview={preview.data.preview} />
            {needsApproval && (
              <Note tone="warn" title={tf.editor.needsApproval} role="status">
                {preview.data.preview.why}
              </Note>
            )}
            <ReasonField value={reason} onChange={setReason} required={required} error={asked && missing} />
          </>
        )}
        {promote.error && <SaveError error={promote.error} />}
        <Group justify="flex-end" gap="xs">
          <Button variant="default" onClick={onClose}>
            {t.common.cancel}
          </Button>
          <Button
            disabled={!preview.data || same || from === to}
            loading={promote.isPending}
            onClick={() => {
              setAsked(true);
              if (!missing) promote.mutate();
            }}
          >
            {needsApproval ? tf.editor.saveAsk : p.promoteDo(to)}
          </Button>
        </Group>
      </Stack>
    </Dialog>
  );
}
