import { expect, it } from 'vitest';
import { median, medianParts } from './parts';

it('finds the median of odd and even counts', () => {
  expect(median([3, 1, 2])).toBe(2);
  expect(median([4, 1, 2, 3])).toBe(2.5);
  expect(median([])).toBe(0);
});

it('lists steps by their median, those that some runs lack too', () => {
  const row = (parts: Record<string, number>) => ({ runId: 'r', subject: 's', millis: 1, parts, at: '' });
  expect(
    medianParts([row({ build: 10, deploy: 4 }), row({ build: 20 }), row({ build: 30, deploy: 6 })]),
  ).toEqual([
    ['build', 20],
    ['deploy', 5],
  ]);
});
