import { useSyncExternalStore } from 'react';

// One clock for every time on the page, so that a long list does not run a
// timer for each row.
const tick = 15_000;
const listeners = new Set<() => void>();
let now = Date.now();
let timer: ReturnType<typeof setInterval> | undefined;

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  timer ??= setInterval(() => {
    now = Date.now();
    for (const each of listeners) each();
  }, tick);
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0) {
      clearInterval(timer);
      timer = undefined;
    }
  };
}

/** The time, read again every 15 seconds. */
export function useNow(): number {
  return useSyncExternalStore(subscribe, () => {
    // A page that has just opened must not show a time from before.
    if (Date.now() - now > tick) now = Date.now();
    return now;
  });
}
