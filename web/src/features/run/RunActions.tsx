import { ActionIcon, Button, Group, Menu, Text } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api } from '~/api/client';
import { isApiError } from '~/api/errors';
import type { LogLine, Run } from '~/api/types';
import { PlanView } from '~/features/plan/PlanView';
import { t } from '~/strings';
import { tw } from '~/strings/work';
import { confirm } from '~/ui/confirm';
import { Dialog } from '~/ui/Dialog';
import { IconArrowBackUp, IconCopy, IconDots, IconLink, IconPlayerStop, IconRefresh } from '~/ui/icons';
import { ErrorState, Skeletons } from '~/ui/States';
import { toastDone, toastError } from '~/ui/toast';
import { diagnostics } from './failure';
import { runQuery, undoPlanQuery } from './queries';

/** Asks the portal to do something with a run and shows the run's new state at once. */
function useRunCommand(id: string) {
  const queryClient = useQueryClient();
  return useMutation({
    mutationFn: (command: 'cancel' | 'retry') => api.post(`/v1/runs/{id}/${command}`, { path: { id } }),
    onSuccess: (answer, command) => {
      queryClient.setQueryData(runQuery(id).queryKey, answer.run);
      toastDone(tw.run.asked[command]);
    },
    onError: (error) => toastError(error),
  });
}

/** Cancel, retry, undo, and what else can be done with a run. */
export function RunActions({ run, lines }: { run: Run; lines: LogLine[] }) {
  const command = useRunCommand(run.id);
  const [undoing, setUndoing] = useState(false);
  const copy = async (text: string, said: string) => {
    try {
      await navigator.clipboard.writeText(text);
      toastDone(said);
    } catch (error) {
      toastError(error);
    }
  };
  const address = new URL(`/runs/${run.id}`, location.origin).href;
  return (
    <>
      {run.can.retry && (
        <Button
          leftSection={<IconRefresh size={16} aria-hidden />}
          loading={command.isPending}
          onClick={() => command.mutate('retry')}
        >
          {run.state === 'failed' ? tw.run.retry : tw.run.retryShort}
        </Button>
      )}
      {run.can.cancel && (
        <Button
          variant="default"
          leftSection={<IconPlayerStop size={16} aria-hidden />}
          disabled={run.cancelRequested}
          loading={command.isPending}
          onClick={() =>
            confirm({
              title: tw.run.cancelTitle,
              text: tw.run.cancelText,
              verb: tw.run.cancel,
              danger: true,
              onConfirm: () => command.mutate('cancel'),
            })
          }
        >
          {run.cancelRequested ? tw.run.cancelling : tw.run.cancel}
        </Button>
      )}
      {run.can.undo && (
        <Button
          variant="default"
          leftSection={<IconArrowBackUp size={16} aria-hidden />}
          onClick={() => setUndoing(true)}
        >
          {tw.run.undo}
        </Button>
      )}
      <Menu position="bottom-end">
        <Menu.Target>
          <ActionIcon size={36} variant="default" aria-label={tw.run.moreActions}>
            <IconDots size={16} />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item leftSection={<IconLink size={16} />} onClick={() => void copy(address, t.common.copied)}>
            {tw.run.copyLink}
          </Menu.Item>
          <Menu.Item
            leftSection={<IconCopy size={16} />}
            onClick={() => void copy(diagnostics(run, lines, address), tw.run.diagnosticsCopied)}
          >
            {tw.run.copyDiagnostics}
          </Menu.Item>
        </Menu.Dropdown>
      </Menu>
      {undoing && <UndoDialog run={run} onClose={() => setUndoing(false)} />}
    </>
  );
}

/** Shows what undoing would do, then asks. */
function UndoDialog({ run, onClose }: { run: Run; onClose: () => void }) {
  const queryClient = useQueryClient();
  const plan = useQuery(undoPlanQuery(run.id));
  const [changed, setChanged] = useState(false);
  const undo = useMutation({
    mutationFn: (digest: string) => api.post('/v1/runs/{id}/undo', { path: { id: run.id } }, { digest }),
    onSuccess: (answer) => {
      queryClient.setQueryData(runQuery(answer.run.id).queryKey, answer.run);
      toastDone(tw.run.asked.undo);
      onClose();
    },
    onError: (error) => {
      if (!isApiError(error, 'plan_changed')) {
        toastError(error);
        return;
      }
      setChanged(true);
      void plan.refetch();
    },
  });
  return (
    <Dialog opened onClose={onClose} size="xl" title={tw.run.undoTitle}>
      <Text size="sm" mb="md">
        {changed ? tw.run.undoChanged : tw.run.undoText}
      </Text>
      {plan.isPending && <Skeletons />}
      {plan.error && <ErrorState error={plan.error} retry={() => void plan.refetch()} />}
      {plan.data && <PlanView plan={plan.data.plan} undo />}
      <Group justify="flex-end" gap="xs" mt="lg">
        <Button variant="default" onClick={onClose} data-autofocus>
          {t.common.cancel}
        </Button>
        <Button
          color="red"
          disabled={!plan.data}
          loading={undo.isPending}
          onClick={() => plan.data && undo.mutate(plan.data.plan.digest)}
        >
          {tw.run.undoVerb}
        </Button>
      </Group>
    </Dialog>
  );
}
