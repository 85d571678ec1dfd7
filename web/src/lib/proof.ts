/** Why somebody is asked to sign in again while a page stays open. */
export type Proof = { reason: 'ended' | 'fresh'; done: (signedIn: boolean) => void };

let waiting: Proof | undefined;
let current: Promise<boolean> | undefined;
let asker = 0;
const listeners = new Set<() => void>();

function set(next: Proof | undefined): void {
  waiting = next;
  for (const listener of listeners) listener();
}

/** What the dialog shows; its code is loaded when it is needed. */
export const pendingProof = {
  get: () => waiting,
  subscribe: (listener: () => void) => {
    listeners.add(listener);
    asker += 1;
    return () => {
      asker -= 1;
      listeners.delete(listener);
    };
  },
};

/**
 * Asks to sign in again and says whether that was done. Calls at the same time
 * wait for one dialog. Where no page is open that could ask, the answer is no.
 */
export function askToSignIn(reason: Proof['reason']): Promise<boolean> {
  if (asker === 0) return Promise.resolve(false);
  current ??= new Promise<boolean>((resolve) => {
    set({
      reason,
      done: (signedIn) => {
        current = undefined;
        set(undefined);
        resolve(signedIn);
      },
    });
  });
  return current;
}
