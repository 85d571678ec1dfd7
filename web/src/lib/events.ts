import type { QueryClient } from '@tanstack/react-query';
import { useSyncExternalStore } from 'react';

/** What the server says has changed; the data itself is fetched again. */
export type Hint = { topic: string; id: string };
type Message = { kind: 'hint'; hint: Hint } | { kind: 'state'; up: boolean } | { kind: 'ask' };

const channelName = 'sphera-events';
const firstDelay = 1000;
const longestDelay = 30_000;

/** What the queries of each topic start with. */
export const keysOfTopic: Record<string, string[]> = {
  run: ['run', 'home'],
  entity: ['entity', 'blueprint', 'search', 'home'],
  pull_request: ['pull_request', 'repository', 'home'],
  instance: ['instance', 'check'],
  audit: ['audit', 'home'],
  approval: ['run', 'home'],
  notice: ['notice'],
};

/**
 * Listens to the portal's event stream. A browser allows six connections to a
 * host over HTTP/1.1 in all its tabs together, so only one tab, the holder of a
 * lock, keeps the stream open and passes hints on to the others. When it is
 * closed the browser gives the lock to another tab.
 */
export function listen(onHint: (hint: Hint) => void, onState: (up: boolean) => void): () => void {
  const stop = new AbortController();
  const channel = typeof BroadcastChannel === 'undefined' ? undefined : new BroadcastChannel(channelName);
  let leading = false;
  let up = true;

  const say = (message: Message) => channel?.postMessage(message);
  const setUp = (next: boolean) => {
    if (next === up) return;
    up = next;
    onState(up);
    say({ kind: 'state', up });
  };
  if (channel) {
    channel.addEventListener('message', (event: MessageEvent<Message>) => {
      const message = event.data;
      if (message.kind === 'hint') onHint(message.hint);
      if (message.kind === 'ask' && leading) say({ kind: 'state', up });
      if (message.kind === 'state' && !leading && message.up !== up) {
        up = message.up;
        onState(up);
      }
    });
    say({ kind: 'ask' });
  }

  const lead = () => {
    leading = true;
    keepOpen(
      (hint) => {
        onHint(hint);
        say({ kind: 'hint', hint });
      },
      setUp,
      stop.signal,
    );
  };

  // Locks exist only in secure contexts; over plain HTTP each tab has its own stream.
  if (navigator.locks && channel) {
    const held = new Promise<void>((release) => stop.signal.addEventListener('abort', () => release()));
    navigator.locks
      .request(channelName, { signal: stop.signal }, () => {
        lead();
        return held;
      })
      .catch(() => undefined); // Stopped while waiting for the lock.
  } else {
    lead();
  }
  return () => {
    stop.abort();
    channel?.close();
  };
}

function keepOpen(onHint: (hint: Hint) => void, onState: (up: boolean) => void, signal: AbortSignal): void {
  let source: EventSource | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let delay = firstDelay;

  const open = () => {
    source = new EventSource('/v1/events');
    source.addEventListener('open', () => {
      delay = firstDelay;
      onState(true);
    });
    source.addEventListener('hint', (event) => {
      const hint = parseHint((event as MessageEvent<string>).data);
      if (hint) onHint(hint);
    });
    source.addEventListener('error', () => {
      onState(false);
      // The browser reconnects by itself after a cut, but not after an error answer.
      if (source?.readyState !== EventSource.CLOSED) return;
      clearTimeout(timer);
      timer = setTimeout(open, delay);
      delay = Math.min(delay * 2, longestDelay);
    });
  };
  signal.addEventListener('abort', () => {
    clearTimeout(timer);
    source?.close();
  });
  open();
}

function parseHint(data: string): Hint | undefined {
  try {
    const hint = JSON.parse(data) as Partial<Hint>;
    return typeof hint.topic === 'string' ? { topic: hint.topic, id: hint.id ?? '' } : undefined;
  } catch {
    return undefined;
  }
}

const states = new Set<() => void>();
let connected = true;

/** False while the portal does not answer. */
export function useConnected(): boolean {
  return useSyncExternalStore(
    (listener) => {
      states.add(listener);
      return () => states.delete(listener);
    },
    () => connected,
  );
}

/**
 * Keeps the query cache fresh by the event stream. Hints that come close
 * together cause one fetch.
 */
export function keepFresh(queryClient: QueryClient): () => void {
  const stale = new Set<string>();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const flush = () => {
    timer = undefined;
    for (const key of stale) void queryClient.invalidateQueries({ queryKey: [key] });
    stale.clear();
  };
  const stop = listen(
    (hint) => {
      for (const key of keysOfTopic[hint.topic] ?? [hint.topic]) stale.add(key);
      timer ??= setTimeout(flush, 200);
    },
    (up) => {
      connected = up;
      for (const listener of states) listener();
      // Hints may have been missed while it was down.
      if (up) void queryClient.invalidateQueries();
    },
  );
  return () => {
    clearTimeout(timer);
    stop();
  };
}
