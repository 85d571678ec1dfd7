import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { url } from '~/api/client';
import { isApiError, type ApiError } from '~/api/errors';
import type { LogLine, Run } from '~/api/types';
import { readEvents, type StreamEvent } from './eventStream';
import { isOver, runQuery } from './queries';

export type StreamState = 'connecting' | 'live' | 'reconnecting' | 'paused' | 'ended';

const firstDelay = 500;
const longestDelay = 8_000;
/** How often a run that is over is looked at: somebody may try it again. */
const overMillis = 15_000;

/**
 * A run and its log, live. The stream goes on after the last line it had, also
 * after the server was away, and is closed while the tab is hidden, since a
 * browser allows few connections.
 */
export function useRunStream(id: string) {
  const queryClient = useQueryClient();
  const query = useQuery({
    ...runQuery(id),
    refetchInterval: ({ state }) => (state.data && isOver(state.data.state) ? overMillis : false),
  });
  const over = query.data ? isOver(query.data.state) : undefined;
  const [lines, setLines] = useState<LogLine[]>([]);
  const [state, setState] = useState<StreamState>('connecting');
  const [error, setError] = useState<ApiError>();
  const [reader] = useState(
    () =>
      new RunReader({
        onLines: (batch) => setLines((before) => [...before, ...batch]),
        onState: setState,
        onError: setError,
        onRun: (run) => queryClient.setQueryData(runQuery(run.id).queryKey, run),
      }),
  );

  // A run that is over and starts again (a retry, an undo) opens the stream
  // anew; while it is open the run's state does not matter.
  const reopen = over === false ? 'open' : 'over';
  useEffect(() => {
    reader.switchTo(id, () => setLines([]));
    const onVisibility = () => (document.hidden ? reader.pause() : reader.start(reopen === 'open'));
    onVisibility();
    document.addEventListener('visibilitychange', onVisibility);
    return () => {
      document.removeEventListener('visibilitychange', onVisibility);
    };
  }, [id, reader, reopen]);
  useEffect(() => () => reader.pause(), [reader]);

  return { run: query.data, query, lines, state, error };
}

type Handlers = {
  onLines: (lines: LogLine[]) => void;
  onState: (state: StreamState) => void;
  onRun: (run: Run) => void;
  onError: (error: ApiError | undefined) => void;
};

/** Reads the stream of one run; used by useRunStream. */
export class RunReader {
  constructor(private readonly to: Handlers) {}

  private id = '';
  private last = 0;
  private ended = false;
  private waiting: LogLine[] = [];
  private frame = 0;
  private stop?: AbortController;
  private timer?: ReturnType<typeof setTimeout>;
  private delay = firstDelay;

  switchTo(id: string, onNew: () => void): void {
    if (id === this.id) return;
    this.pause();
    if (this.id) onNew();
    this.id = id;
    this.last = 0;
    this.ended = false;
    this.waiting = [];
    this.delay = firstDelay;
  }

  /** Opens the stream unless it is open, or has come to its end and `more` is false. */
  start(more: boolean): void {
    if (this.stop || (this.ended && !more)) return;
    this.ended = false;
    clearTimeout(this.timer);
    const stop = new AbortController();
    this.stop = stop;
    let ended = false;
    readEvents(url('/v1/runs/{id}/events', { path: { id: this.id } }), {
      lastId: this.last > 0 ? String(this.last) : undefined,
      signal: stop.signal,
      onOpen: () => {
        this.delay = firstDelay;
        this.to.onError(undefined);
        this.to.onState('live');
      },
      onEvent: (event) => {
        if (event.event === 'end') ended = true;
        else this.take(event);
      },
    }).then(
      () => this.closed(stop, ended),
      (error: unknown) => this.closed(stop, false, error),
    );
  }

  pause(): void {
    clearTimeout(this.timer);
    if (!this.stop) return;
    this.stop.abort();
    this.stop = undefined;
    this.flush();
    this.to.onState('paused');
  }

  private closed(stop: AbortController, ended: boolean, error?: unknown): void {
    if (stop !== this.stop) return;
    this.stop = undefined;
    this.flush();
    if (ended) {
      this.ended = true;
      this.to.onState('ended');
      return;
    }
    if (isApiError(error) && error.status >= 400 && error.status < 500 && error.status !== 429) {
      // Trying again would be refused again.
      this.ended = true;
      this.to.onError(error);
      this.to.onState('ended');
      return;
    }
    this.to.onState('reconnecting');
    this.timer = setTimeout(() => this.start(true), this.delay);
    this.delay = Math.min(this.delay * 2, longestDelay);
  }

  private take({ event, data }: StreamEvent): void {
    const value = parse(data);
    if (!value) return;
    if (event === 'run') {
      this.to.onRun(value as Run);
      return;
    }
    const line = value as LogLine;
    // What was sent just before a cut can come again.
    if (event !== 'log' || !(line.seq > this.last)) return;
    this.last = line.seq;
    this.waiting.push(line);
    // Lines are added once per frame, however fast they come.
    this.frame ||= requestAnimationFrame(() => this.flush());
  }

  private flush(): void {
    cancelAnimationFrame(this.frame);
    this.frame = 0;
    if (this.waiting.length === 0) return;
    const batch = this.waiting;
    this.waiting = [];
    this.to.onLines(batch);
  }
}

function parse(data: string): unknown {
  try {
    return JSON.parse(data);
  } catch {
    return undefined;
  }
}
