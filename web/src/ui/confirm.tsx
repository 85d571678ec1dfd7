import { Text } from '@mantine/core';
import { modals } from '@mantine/modals';
import type { ReactNode } from 'react';
import { t } from '~/strings';

/** Asks before something that disturbs others or cannot be taken back. */
export function confirm(o: {
  title: string;
  text: ReactNode;
  verb: string;
  danger?: boolean;
  onConfirm: () => void;
}): void {
  modals.openConfirmModal({
    title: o.title,
    children: (
      <Text size="sm" component="div">
        {o.text}
      </Text>
    ),
    labels: { confirm: o.verb, cancel: t.common.cancel },
    confirmProps: o.danger ? { color: 'red' } : undefined,
    onConfirm: o.onConfirm,
  });
}
