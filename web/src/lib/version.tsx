import { notifications } from '@mantine/notifications';
import { Button } from '@mantine/core';
import { t } from '~/strings';

/**
 * After an upgrade an old tab asks for files that are gone. Say so and offer to
 * load the new version, instead of a blank page.
 */
export function watchForNewVersion(): void {
  window.addEventListener('vite:preloadError', (event) => {
    event.preventDefault();
    notifications.show({
      id: 'new-version',
      autoClose: false,
      title: t.shell.newVersion,
      message: (
        <Button size="compact-sm" mt={6} onClick={() => window.location.reload()}>
          {t.shell.reload}
        </Button>
      ),
    });
  });
}
