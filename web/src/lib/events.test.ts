import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { listen, type Hint } from './events';

// A browser with several tabs: channels that reach the others, one lock, and
// event sources that the test drives.

class FakeChannel {
  static all: FakeChannel[] = [];
  handlers: ((event: MessageEvent) => void)[] = [];
  constructor() {
    FakeChannel.all.push(this);
  }
  addEventListener(_: string, handler: (event: MessageEvent) => void) {
    this.handlers.push(handler);
  }
  postMessage(data: unknown) {
    for (const other of FakeChannel.all) {
      if (other !== this) for (const handler of other.handlers) handler({ data } as MessageEvent);
    }
  }
  close() {
    FakeChannel.all = FakeChannel.all.filter((each) => each !== this);
  }
}

class FakeSource {
  static CLOSED = 2;
  static all: FakeSource[] = [];
  readyState = 1;
  closed = false;
  handlers: Record<string, ((event: unknown) => void)[]> = {};
  constructor(readonly url: string) {
    FakeSource.all.push(this);
  }
  addEventListener(name: string, handler: (event: unknown) => void) {
    (this.handlers[name] ??= []).push(handler);
  }
  emit(name: string, data?: unknown) {
    for (const handler of this.handlers[name] ?? []) handler({ data: JSON.stringify(data) });
  }
  close() {
    this.closed = true;
  }
}

type Waiting = { run: () => Promise<void>; signal: AbortSignal };

function fakeLocks() {
  let held = false;
  const queue: Waiting[] = [];
  const next = () => {
    const first = queue.find((each) => !each.signal.aborted);
    if (held || !first) return;
    queue.splice(queue.indexOf(first), 1);
    held = true;
    void first.run().then(() => {
      held = false;
      next();
    });
  };
  return {
    request: (_: string, options: { signal: AbortSignal }, run: () => Promise<void>) => {
      queue.push({ run, signal: options.signal });
      next();
      return new Promise<void>(() => undefined);
    },
  };
}

const nothing = () => undefined;
const open = () => FakeSource.all.filter((source) => !source.closed);

beforeEach(() => {
  FakeChannel.all = [];
  FakeSource.all = [];
  vi.stubGlobal('BroadcastChannel', FakeChannel);
  vi.stubGlobal('EventSource', FakeSource);
  vi.stubGlobal('navigator', { locks: fakeLocks() });
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe('listen', () => {
  it('opens one stream for all tabs and passes hints on', () => {
    const first: Hint[] = [];
    const second: Hint[] = [];
    listen((hint) => first.push(hint), nothing);
    listen((hint) => second.push(hint), nothing);
    expect(open()).toHaveLength(1);
    open()[0]!.emit('hint', { topic: 'run', id: 'r1' });
    expect(first).toEqual([{ topic: 'run', id: 'r1' }]);
    expect(second).toEqual([{ topic: 'run', id: 'r1' }]);
  });

  it('another tab takes over when the leading one closes', async () => {
    const second: Hint[] = [];
    const stop = listen(nothing, nothing);
    listen((hint) => second.push(hint), nothing);
    stop();
    await vi.waitFor(() => expect(open()).toHaveLength(1));
    open()[0]!.emit('hint', { topic: 'entity', id: 'Component/a' });
    expect(second).toEqual([{ topic: 'entity', id: 'Component/a' }]);
  });

  it('tells every tab when the stream is cut and when it is back', () => {
    const leader = vi.fn<(up: boolean) => void>();
    const follower = vi.fn<(up: boolean) => void>();
    listen(nothing, leader);
    listen(nothing, follower);
    open()[0]!.emit('error');
    expect(leader).toHaveBeenLastCalledWith(false);
    expect(follower).toHaveBeenLastCalledWith(false);
    open()[0]!.emit('open');
    expect(leader).toHaveBeenLastCalledWith(true);
    expect(follower).toHaveBeenLastCalledWith(true);
  });

  it('opens the stream again after an error answer, which the browser does not', () => {
    vi.useFakeTimers();
    listen(nothing, nothing);
    const source = FakeSource.all[0]!;
    source.readyState = FakeSource.CLOSED;
    source.emit('error');
    expect(FakeSource.all).toHaveLength(1);
    vi.advanceTimersByTime(1000);
    expect(FakeSource.all).toHaveLength(2);
  });

  it('has its own stream where the browser has no locks', () => {
    vi.stubGlobal('navigator', {});
    listen(nothing, nothing);
    listen(nothing, nothing);
    expect(open()).toHaveLength(2);
  });

  it('ignores a hint that cannot be read', () => {
    const hints = vi.fn<(hint: Hint) => void>();
    listen(hints, nothing);
    for (const handler of FakeSource.all[0]!.handlers.hint!) handler({ data: '{' });
    expect(hints).not.toHaveBeenCalled();
  });
});
