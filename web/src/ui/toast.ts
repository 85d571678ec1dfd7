import { notifications } from '@mantine/notifications';
import { isApiError } from '~/api/errors';
import { t } from '~/strings';

/** Says that something worked; goes away by itself. */
export function toastDone(message: string): void {
  notifications.show({ message, color: 'teal' });
}

/** Says that something failed; stays until it is dismissed. */
export function toastError(error: unknown, title?: string): void {
  const message = isApiError(error) ? error.message : t.common.pageErrorText;
  const id = isApiError(error) && error.requestId ? ` (${t.common.requestId} ${error.requestId})` : '';
  notifications.show({ title, message: message + id, color: 'red', autoClose: false });
}
