import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { LogLine, Run } from '~/api/types';
import { RunReader, type StreamState } from './useRunStream';

type Connection = {
  lastId: string | null;
  send: (text: string) => void;
  close: () => void;
  aborted: () => boolean;
};

/** A server of event streams whose connections the test controls. */
function streamServer() {
  const connections: Connection[] = [];
  let refusal: Response | undefined;
  vi.stubGlobal('fetch', async (_: string, init: RequestInit) => {
    if (refusal) return refusal;
    let control!: ReadableStreamDefaultController<Uint8Array>;
    const body = new ReadableStream<Uint8Array>({ start: (c) => void (control = c) });
    init.signal?.addEventListener('abort', () => control.error(new DOMException('x', 'AbortError')));
    connections.push({
      lastId: new Headers(init.headers).get('Last-Event-ID'),
      send: (text) => control.enqueue(new TextEncoder().encode(text)),
      close: () => control.close(),
      aborted: () => init.signal?.aborted ?? false,
    });
    return new Response(body);
  });
  return { connections, refuse: (response: Response) => (refusal = response) };
}

const log = (seq: number) =>
  `event: log\nid: ${seq}\ndata: ${JSON.stringify({ seq, at: '', text: `l${seq}` })}\n\n`;

describe('RunReader', () => {
  const lines: LogLine[] = [];
  const states: StreamState[] = [];
  const runs: Run[] = [];
  const onError = vi.fn<(error: unknown) => void>();
  const reader = () =>
    new RunReader({
      onLines: (batch) => lines.push(...batch),
      onState: (state) => states.push(state),
      onRun: (run) => runs.push(run),
      onError,
    });
  const numbers = () => lines.map((line) => line.seq);

  beforeEach(() => {
    lines.length = 0;
    states.length = 0;
    runs.length = 0;
    onError.mockClear();
    vi.useFakeTimers({ shouldAdvanceTime: true });
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });

  it('goes on after the last line when the connection was cut, without double lines', async () => {
    const server = streamServer();
    const r = reader();
    r.switchTo('r1', () => undefined);
    r.start(true);
    await vi.waitFor(() => expect(server.connections).toHaveLength(1));
    expect(server.connections[0]!.lastId).toBeNull();
    server.connections[0]!.send(log(1) + log(2));
    await vi.waitFor(() => expect(numbers()).toEqual([1, 2]));
    server.connections[0]!.close();
    await vi.waitFor(() => expect(states).toContain('reconnecting'));
    await vi.waitFor(() => expect(server.connections).toHaveLength(2));
    expect(server.connections[1]!.lastId).toBe('2');
    server.connections[1]!.send(log(2) + log(3));
    await vi.waitFor(() => expect(numbers()).toEqual([1, 2, 3]));
    r.pause();
  });

  it('closes while the tab is hidden and resumes where it was', async () => {
    const server = streamServer();
    const r = reader();
    r.switchTo('r1', () => undefined);
    r.start(true);
    await vi.waitFor(() => expect(states).toEqual(['live']));
    server.connections[0]!.send(log(1));
    await vi.waitFor(() => expect(numbers()).toEqual([1]));
    r.pause();
    expect(server.connections[0]!.aborted()).toBe(true);
    expect(states.at(-1)).toBe('paused');
    r.start(false);
    await vi.waitFor(() => expect(server.connections).toHaveLength(2));
    expect(server.connections[1]!.lastId).toBe('1');
    r.pause();
  });

  it('stays closed after the end until the run goes on', async () => {
    const server = streamServer();
    const r = reader();
    r.switchTo('r1', () => undefined);
    r.start(true);
    await vi.waitFor(() => expect(server.connections).toHaveLength(1));
    server.connections[0]!.send('event: run\ndata: {"id":"r1","state":"failed"}\n\nevent: end\ndata: {}\n\n');
    server.connections[0]!.close();
    await vi.waitFor(() => expect(states.at(-1)).toBe('ended'));
    expect(runs).toEqual([{ id: 'r1', state: 'failed' }]);
    r.start(false);
    expect(server.connections).toHaveLength(1);
    r.start(true);
    await vi.waitFor(() => expect(server.connections).toHaveLength(2));
    r.pause();
  });

  it('does not try again what is refused, and says why', async () => {
    const server = streamServer();
    server.refuse(
      new Response(JSON.stringify({ error: 'forbidden', message: 'Not yours.' }), { status: 403 }),
    );
    const r = reader();
    r.switchTo('r1', () => undefined);
    r.start(true);
    await vi.waitFor(() => expect(states).toEqual(['ended']));
    expect(onError).toHaveBeenCalledWith(
      expect.objectContaining({ code: 'forbidden', message: 'Not yours.' }),
    );
  });

  it('ignores what is not JSON', async () => {
    const server = streamServer();
    const r = reader();
    r.switchTo('r1', () => undefined);
    r.start(true);
    await vi.waitFor(() => expect(server.connections).toHaveLength(1));
    server.connections[0]!.send(`event: log\nid: 1\ndata: {oops\n\n${log(2)}`);
    await vi.waitFor(() => expect(numbers()).toEqual([2]));
    r.pause();
  });
});
