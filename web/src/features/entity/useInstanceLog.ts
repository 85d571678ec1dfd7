import { useQueryClient } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { api, url } from '~/api/client';
import type { LogLine } from '~/api/types';

const keep = 20_000;
const pageSize = 5000;

/**
 * The log of a service in one environment, live. The stream is closed while the
 * tab is hidden, since a browser allows few connections, and goes on after the
 * last line it had.
 */
export function useInstanceLog(
  service: string,
  environment: string,
): { lines: LogLine[]; live: boolean; error?: Error } {
  const queryClient = useQueryClient();
  const [lines, setLines] = useState<LogLine[]>([]);
  const [live, setLive] = useState(false);
  const [error, setError] = useState<Error>();

  useEffect(() => {
    const path = { name: service, env: environment };
    const stop = new AbortController();
    let source: EventSource | undefined;
    let last = 0;
    let waiting: LogLine[] = [];
    let frame = 0;

    // Lines are added once per frame, however fast they come.
    const add = (more: LogLine[]) => {
      const fresh = more.filter((line) => line.seq > last);
      if (fresh.length === 0) return;
      last = fresh.at(-1)!.seq;
      waiting.push(...fresh);
      frame ||= requestAnimationFrame(() => {
        const batch = waiting;
        waiting = [];
        frame = 0;
        setLines((before) => [...before, ...batch].slice(-keep));
      });
    };
    const open = () => {
      source?.close();
      source = new EventSource(
        url('/v1/services/{name}/instances/{env}/events', { path, query: { after: last || undefined } }),
      );
      source.addEventListener('open', () => setLive(true));
      source.addEventListener('error', () => setLive(false));
      source.addEventListener('log', (event) =>
        add([JSON.parse((event as MessageEvent<string>).data) as LogLine]),
      );
      source.addEventListener(
        'instance',
        () => void queryClient.invalidateQueries({ queryKey: ['instance', service] }),
      );
    };
    const onVisibility = () => {
      if (document.hidden) {
        source?.close();
        setLive(false);
      } else {
        open();
      }
    };
    readAll(path, stop.signal, add)
      .then(() => {
        if (!document.hidden) open();
        document.addEventListener('visibilitychange', onVisibility);
      })
      .catch((reason: unknown) => {
        if (!stop.signal.aborted) setError(reason instanceof Error ? reason : new Error(String(reason)));
      });
    return () => {
      stop.abort();
      source?.close();
      cancelAnimationFrame(frame);
      document.removeEventListener('visibilitychange', onVisibility);
    };
  }, [service, environment, queryClient]);
  return { lines, live, error };
}

/** Reads what is kept, page by page. */
async function readAll(
  path: { name: string; env: string },
  signal: AbortSignal,
  add: (lines: LogLine[]) => void,
): Promise<void> {
  let after: number | undefined = 0;
  while (after !== undefined) {
    const page: { lines: LogLine[]; next?: number } = await api.get(
      '/v1/services/{name}/instances/{env}/logs',
      {
        path,
        query: { after, limit: pageSize },
        signal,
      },
    );
    add(page.lines);
    after = page.next;
  }
}
