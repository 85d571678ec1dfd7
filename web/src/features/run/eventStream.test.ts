import { describe, expect, it } from 'vitest';
import { EventParser } from './eventStream';

describe('EventParser', () => {
  it('puts together events from pieces that end anywhere', () => {
    const parser = new EventParser();
    const text = 'event: log\nid: 7\ndata: {"a":1}\n\nevent: end\ndata: {}\n\n';
    const events = [...text].flatMap((piece) => parser.push(piece));
    expect(events).toEqual([
      { event: 'log', id: '7', data: '{"a":1}' },
      { event: 'end', id: undefined, data: '{}' },
    ]);
  });

  it('joins data lines, ignores comments and takes CRLF', () => {
    expect(new EventParser().push(': ping\n\ndata: a\r\ndata: b\r\n\r\n')).toEqual([
      { event: 'message', id: undefined, data: 'a\nb' },
    ]);
  });

  it('takes an event without data', () => {
    expect(new EventParser().push('event: end\n\n')).toEqual([{ event: 'end', id: undefined, data: '' }]);
  });
});
