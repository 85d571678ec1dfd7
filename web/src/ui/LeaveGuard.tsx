import { Button, Group, Text } from '@mantine/core';
import { useBlocker } from '@tanstack/react-router';
import { tc } from '~/strings/catalog';
import { Dialog } from './Dialog';

/** Asks before what was not saved is left, also on a reload. */
export function LeaveGuard({ active }: { active: () => boolean }) {
  const blocker = useBlocker({
    shouldBlockFn: ({ current, next }) => current.pathname !== next.pathname && active(),
    enableBeforeUnload: active,
    withResolver: true,
  });
  if (blocker.status !== 'blocked') return null;
  return (
    <Dialog opened onClose={blocker.reset} title={tc.form.leaveTitle}>
      <Text size="sm">{tc.form.leaveText}</Text>
      <Group justify="flex-end" gap="xs" mt="lg">
        <Button variant="default" onClick={blocker.reset} data-autofocus>
          {tc.form.stay}
        </Button>
        <Button color="red" onClick={blocker.proceed}>
          {tc.form.leave}
        </Button>
      </Group>
    </Dialog>
  );
}
