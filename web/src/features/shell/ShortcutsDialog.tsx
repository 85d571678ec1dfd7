import { Kbd } from '@mantine/core';
import { t } from '~/strings';
import { Fact, Facts } from '~/ui/bits';
import { Dialog } from '~/ui/Dialog';

/** The list behind the ? key. */
export function ShortcutsDialog({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  return (
    <Dialog opened={opened} onClose={onClose} title={t.shell.shortcuts}>
      <Facts>
        {t.shell.shortcutList.map(([keys, what]) => (
          <Fact key={keys} name={what}>
            <Kbd>{keys}</Kbd>
          </Fact>
        ))}
      </Facts>
    </Dialog>
  );
}
