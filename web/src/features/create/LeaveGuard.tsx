import { Button, Group, Text } from '@mantine/core';
import { useBlocker } from '@tanstack/react-router';
import { t } from '~/strings';
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
    <Dialog opened onClose={blocker.reset} title={t.create.leaveTitle}>
      <Text size="sm">{t.create.leaveText}</Text>
      <Group justify="flex-end" gap="xs" mt="lg">
        <Button variant="default" onClick={blocker.reset} data-autofocus>
          {t.create.stay}
        </Button>
        <Button onClick={blocker.proceed}>{t.create.leave}</Button>
      </Group>
    </Dialog>
  );
}
