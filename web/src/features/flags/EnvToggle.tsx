import { Button, Group, Switch, Text } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { useState } from 'react';
import { tf } from '~/strings/flags';
import { toastError } from '~/ui/toast';
import { useEdit } from './mutations';
import { ReasonDialog } from './ReasonDialog';
import { idOf, type Flag, type FlagEnvironment } from './types';

const undoMillis = 8000;
const undoable = new Map<string, string>();

export const isProduction = (environment: Pick<FlagEnvironment, 'kind'>) => environment.kind === 'production';

/** Says what was done and offers to take it back. */
export function toastUndo(what: string, message: string, onUndo: () => void): void {
  // Only the newest change of the same thing can be taken back; a toast of a
  // known id would not be shown again.
  const earlier = undoable.get(what);
  if (earlier) notifications.hide(earlier);
  const id = `${what} ${Date.now()}`;
  undoable.set(what, id);
  notifications.show({
    id,
    onClose: () => undoable.delete(what),
    color: 'teal',
    autoClose: undoMillis,
    message: (
      <Group justify="space-between" gap="xs" wrap="nowrap">
        <Text size="sm">{message}</Text>
        <Button
          size="compact-sm"
          variant="light"
          onClick={() => {
            notifications.hide(id);
            onUndo();
          }}
        >
          {tf.list.undo}
        </Button>
      </Group>
    ),
  });
}

/** Turns a flag on or off in one environment: at once with undo, in production with a reason. */
export function EnvToggle({
  flag,
  environment,
  size = 'sm',
  label,
}: {
  flag: Flag;
  environment: FlagEnvironment;
  size?: string;
  label?: string;
}) {
  const edit = useEdit();
  const [asking, setAsking] = useState(false);
  const { project, key } = flag;
  const name = environment.environment;
  // What was asked for is shown until the server has answered.
  const shown =
    edit.isPending && edit.variables.patch.on !== undefined ? edit.variables.patch.on : environment.on;
  const turn = (on: boolean, version: number, reason: string | undefined, undo: boolean) =>
    edit.mutate(
      { project, key, environment: name, version, patch: { on }, reason, propose: true },
      {
        onSuccess: (answer) => {
          setAsking(false);
          if (answer.proposal) {
            notifications.show({ color: 'yellow', message: tf.list.waits(key), autoClose: undoMillis });
            return;
          }
          if (undo) {
            notifications.show({ color: 'teal', message: tf.list.undone(key) });
            return;
          }
          const now = answer.flag.environments.find((each) => each.environment === name);
          toastUndo(
            `flag-${idOf(flag)}-${name}`,
            on ? tf.list.turnedOn(key, name) : tf.list.turnedOff(key, name),
            () => turn(!on, now?.version ?? version + 1, tf.list.undo, true),
          );
        },
        onError: (error) => toastError(error),
      },
    );
  const kill = flag.kind === 'kill-switch' && environment.on;
  return (
    <>
      <Switch
        size={size}
        checked={shown}
        color={isProduction(environment) && kill ? 'red' : undefined}
        disabled={flag.archivedAt !== undefined}
        label={label}
        aria-label={label ? undefined : tf.list.toggle(key, name)}
        onChange={() => {
          if (edit.isPending) return;
          if (isProduction(environment)) setAsking(true);
          else turn(!environment.on, environment.version, undefined, false);
        }}
      />
      {asking && (
        <ReasonDialog
          title={
            kill
              ? tf.list.killTitle(key, name)
              : environment.on
                ? tf.list.turnOffTitle(key, name)
                : tf.list.turnOnTitle(key, name)
          }
          text={kill ? tf.list.killText : <Consequence flag={flag} environment={environment} />}
          verb={kill ? tf.list.kill : environment.on ? tf.list.turnOff : tf.list.turnOn}
          danger={environment.on}
          required={!kill}
          pending={edit.isPending}
          onConfirm={(reason) => turn(!environment.on, environment.version, reason || undefined, false)}
          onClose={() => setAsking(false)}
        />
      )}
    </>
  );
}

function Consequence({ flag, environment }: { flag: Flag; environment: FlagEnvironment }) {
  if (environment.on) {
    return (
      <>
        {environment.off ? tf.list.offThen(environment.off) : tf.list.offThenCode}
        <br />
        {environment.summary}
      </>
    );
  }
  return tf.list.onThen(flag.key);
}
