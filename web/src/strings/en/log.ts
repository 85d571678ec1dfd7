import { count, plural } from '~/lib/format';

export const log = {
  find: 'Find in the log',
  next: 'Next match',
  previous: 'Previous match',
  position: (at: number, n: number) => `${count(at)} of ${count(n)}`,
  noMatch: 'No match',
  lines: (n: number) => plural(n, 'line'),
  live: 'live',
  follow: 'Follow',
  times: 'Times',
  download: 'Download',
  nextError: 'Next error',
  step: 'Step',
  allSteps: 'All steps',
  lineLink: (n: number) => `Link to line ${n}`,
  cut: (n: number) => ` … ${plural(n, 'more character')}`,
  empty: 'Nothing has been written yet',
  emptyStep: 'This step has written nothing',
  toEnd: 'Jump to the end',
};
