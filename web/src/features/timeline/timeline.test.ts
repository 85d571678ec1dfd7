import { describe, expect, it } from 'vitest';
import { moment, parseOutcome } from '~/features/audit/queries';
import { byDay, changedFields, place, type TimelineEntry } from './entries';

const entry = (part: Partial<TimelineEntry>): TimelineEntry => ({
  seq: 1,
  at: '2026-03-01T12:00:00Z',
  actor: 'ada',
  actorName: 'Ada',
  verb: 'entity.update',
  object: 'Component/a',
  outcome: 'success',
  detail: {},
  kind: 'catalog',
  ...part,
});

describe('timeline', () => {
  it('groups entries by day in their order', () => {
    const days = byDay([
      entry({ seq: 3, at: '2026-03-02T12:00:00Z' }),
      entry({ seq: 2, at: '2026-03-01T13:00:00Z' }),
      entry({ seq: 1, at: '2026-03-01T12:00:00Z' }),
    ]);
    expect(days.map((day) => day.entries.map((each) => each.seq))).toEqual([[3], [2, 1]]);
  });

  it('names what an update changed, and counts the rest', () => {
    const changes = Object.fromEntries(
      ['properties.a', 'relations.b', 'title', 'd', 'e', 'f'].map((n) => [n, {}]),
    );
    expect(changedFields(entry({ detail: { changes, omitted: 2 } }))).toEqual({
      names: ['a', 'b', 'title', 'd'],
      more: 4,
    });
    expect(changedFields(entry({ verb: 'entity.create', detail: { changes } }))).toEqual({
      names: [],
      more: 0,
    });
  });

  it('tells where something was deployed', () => {
    expect(place(entry({ detail: { environment: 'dev', version: 'v1', deployment: 'x' } }))).toBe('dev · v1');
    expect(place(entry({ detail: {} }))).toBe('');
  });
});

describe('filters of the log', () => {
  it('takes only outcomes that there are', () => {
    expect(parseOutcome('denied,failure')).toEqual(['denied', 'failure']);
    expect(parseOutcome('x')).toBeUndefined();
  });

  it('sends moments with their offset and drops what is none', () => {
    expect(moment('2026-03-01T12:00')).toBe(new Date('2026-03-01T12:00').toISOString());
    expect(moment('x')).toBeUndefined();
    expect(moment(undefined)).toBeUndefined();
  });
});
