import { CloseButton, Modal, type ModalRootProps } from '@mantine/core';
import type { ReactNode } from 'react';
import { t } from '~/strings';
import css from './Dialog.module.css';

/**
 * A dialog. Mantine's own head is a `header`, which a screen reader announces
 * as a second banner of the page; this one is not.
 */
export function Dialog({
  title,
  children,
  ...root
}: { title: ReactNode; children: ReactNode } & ModalRootProps) {
  return (
    <Modal.Root centered {...root}>
      <Modal.Overlay />
      <Modal.Content>
        <div className={css.head}>
          <Modal.Title className={css.title}>{title}</Modal.Title>
          <CloseButton aria-label={t.common.close} onClick={root.onClose} />
        </div>
        <Modal.Body>{children}</Modal.Body>
      </Modal.Content>
    </Modal.Root>
  );
}
