import { Kbd, Modal } from '@mantine/core';
import { t } from '~/strings';
import { Fact, Facts } from '~/ui/bits';

/** The list behind the ? key. */
export function ShortcutsDialog({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  return (
    <Modal opened={opened} onClose={onClose} title={t.shell.shortcuts}>
      <Facts>
        {t.shell.shortcutList.map(([keys, what]) => (
          <Fact key={keys} name={what}>
            <Kbd>{keys}</Kbd>
          </Fact>
        ))}
      </Facts>
    </Modal>
  );
}
