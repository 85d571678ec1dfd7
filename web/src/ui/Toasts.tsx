import { Notifications } from '@mantine/notifications';

/** Where toasts appear; loaded after the page, which seldom has one at once. */
export function Toasts() {
  return <Notifications position="bottom-right" limit={3} autoClose={7000} />;
}
