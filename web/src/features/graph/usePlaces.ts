import { useEffect, useState } from 'react';
import type { LayoutInput, Place } from './layout';

export type Places = Map<string, { x: number; y: number }>;

type Waiting = { resolve: (places: Place[]) => void; reject: (error: Error) => void };

let worker: Worker | undefined;
let last = 0;
const waiting = new Map<number, Waiting>();

function start(): Worker {
  const made = new Worker(new URL('./layout.worker.ts', import.meta.url), { type: 'module' });
  made.addEventListener('message', (event: MessageEvent<{ id: number; places: Place[] }>) => {
    waiting.get(event.data.id)?.resolve(event.data.places);
    waiting.delete(event.data.id);
  });
  made.addEventListener('error', (event) => {
    for (const each of waiting.values()) each.reject(new Error(event.message));
    waiting.clear();
    worker = undefined;
  });
  return made;
}

async function arrange(input: LayoutInput): Promise<Place[]> {
  if (typeof Worker === 'undefined') return (await import('./layout')).layOut(input);
  worker ??= start();
  const id = ++last;
  return new Promise((resolve, reject) => {
    waiting.set(id, { resolve, reject });
    worker!.postMessage({ id, input });
  });
}

export type Arranged<T> = { of: T; places: Places };

/**
 * Where the nodes go, with what that was worked out for: while a new
 * arrangement is on its way the one before stays.
 */
export function usePlaces<T>(
  drawn: T,
  inputOf: (drawn: T) => LayoutInput,
): { arranged?: Arranged<T>; error?: Error } {
  const [state, setState] = useState<{ arranged?: Arranged<T>; error?: Error }>({});
  useEffect(() => {
    let wanted = true;
    arrange(inputOf(drawn))
      .then((list) => {
        const places = new Map(list.map(({ id, x, y }) => [id, { x, y }]));
        if (wanted) setState({ arranged: { of: drawn, places } });
      })
      .catch((error: unknown) => {
        if (wanted) setState({ error: error instanceof Error ? error : new Error(String(error)) });
      });
    return () => {
      wanted = false;
    };
  }, [drawn, inputOf]);
  return state;
}
