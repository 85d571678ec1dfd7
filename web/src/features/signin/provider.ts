import { api } from '~/api/client';

export type SignInProvider = { id: string; title: string };

const remembered = 'sphera.provider';
const channelName = 'sphera-sign-in';

/** The provider with which this browser signed in the last time. */
export const lastProvider = (): string | null => localStorage.getItem(remembered);

/** Goes to a provider; it sends the browser back to `returnTo`. */
export async function goToProvider(id: string, returnTo: string, silent = false): Promise<void> {
  const { url } = await api.post(
    '/v1/auth/oidc/{provider}/start',
    { path: { provider: id } },
    { returnTo, silent },
  );
  if (!silent) localStorage.setItem(remembered, id);
  window.location.assign(url);
}

/**
 * Signs in at a provider in a window of its own, so that the page stays as it
 * is. The window must be opened while the click is handled.
 */
export async function signInInWindow(id: string, again: boolean): Promise<void> {
  const popup = window.open('', channelName, 'popup,width=520,height=680');
  if (!popup) throw new Error('blocked');
  const { url } = await api.post(
    '/v1/auth/oidc/{provider}/start',
    { path: { provider: id } },
    { returnTo: '/signed-in', again },
  );
  localStorage.setItem(remembered, id);
  popup.location.href = url;
  await new Promise<void>((resolve) => {
    const channel = new BroadcastChannel(channelName);
    channel.onmessage = () => {
      channel.close();
      resolve();
    };
  });
}

/** Tells the page that waits, and closes this window. */
export function sayDone(): void {
  const channel = new BroadcastChannel(channelName);
  channel.postMessage('done');
  channel.close();
  window.close();
}
