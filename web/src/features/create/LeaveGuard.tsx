import { Button, Group, Text } from '@mantine/core';
import { useBlocker } from '@tanstack/react-router';
import { tw } from '~/strings/work';
import { Dialog } from '~/ui/Dialog';

/** Asks before unsaved answers are left. A reload needs no question: the draft is kept. */
export function LeaveGuard({ active }: { active: boolean }) {
  const blocker = useBlocker({
    shouldBlockFn: ({ current, next }) => active && current.pathname !== next.pathname,
    enableBeforeUnload: false,
    withResolver: true,
  });
  if (blocker.status !== 'blocked') return null;
  return (
    <Dialog opened onClose={blocker.reset} title={tw.create.leaveTitle}>
      <Text size="sm">{tw.create.leaveText}</Text>
      <Group justify="flex-end" gap="xs" mt="lg">
        <Button variant="default" onClick={blocker.reset} data-autofocus>
          {tw.create.stay}
        </Button>
        <Button onClick={blocker.proceed}>{tw.create.leave}</Button>
      </Group>
    </Dialog>
  );
}
