import { errorOf, offlineError } from '~/api/errors';

/** One event of a server-sent event stream. */
export type StreamEvent = { event: string; id?: string; data: string };

/** Puts together events from pieces of text that may end anywhere. */
export class EventParser {
  private rest = '';

  push(text: string): StreamEvent[] {
    const events: StreamEvent[] = [];
    this.rest = (this.rest + text).replace(/\r\n/g, '\n');
    for (let end = this.rest.indexOf('\n\n'); end >= 0; end = this.rest.indexOf('\n\n')) {
      const event = parseEvent(this.rest.slice(0, end));
      this.rest = this.rest.slice(end + 2);
      if (event) events.push(event);
    }
    return events;
  }
}

function parseEvent(block: string): StreamEvent | undefined {
  let event = 'message';
  let id: string | undefined;
  const data: string[] = [];
  for (const line of block.split('\n')) {
    if (line.startsWith(':')) continue;
    const colon = line.indexOf(':');
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (name === 'event') event = value;
    if (name === 'id') id = value;
    if (name === 'data') data.push(value);
  }
  return data.length > 0 || event !== 'message' ? { event, id, data: data.join('\n') } : undefined;
}

type Options = {
  lastId?: string;
  signal: AbortSignal;
  onOpen: () => void;
  onEvent: (event: StreamEvent) => void;
};

/**
 * Reads an event stream until it ends. EventSource is not used since it cannot
 * be told where to go on after it was closed, and hides why it was refused.
 */
export async function readEvents(
  address: string,
  { lastId, signal, onOpen, onEvent }: Options,
): Promise<void> {
  const headers: Record<string, string> = { Accept: 'text/event-stream' };
  if (lastId) headers['Last-Event-ID'] = lastId;
  let response: Response;
  try {
    response = await fetch(address, { headers, credentials: 'same-origin', signal, cache: 'no-store' });
  } catch (error) {
    if (signal.aborted) throw error;
    throw offlineError();
  }
  if (!response.ok || !response.body) {
    const body: unknown = await response.json().catch(() => undefined);
    throw errorOf(response.status, body);
  }
  onOpen();
  const parser = new EventParser();
  const text = new TextDecoder();
  const reader = response.body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    for (const event of parser.push(text.decode(value, { stream: true }))) onEvent(event);
  }
}
