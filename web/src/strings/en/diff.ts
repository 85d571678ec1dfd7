import { plural } from '~/lib/format';

export const diff = {
  filesChanged: (n: number) => `${plural(n, 'file')} changed`,
  added: (n: number) => `${plural(n, 'line')} added`,
  removed: (n: number) => `${plural(n, 'line')} removed`,
  foldAll: 'Fold all',
  unfoldAll: 'Unfold all',
  layout: 'Layout of the diff',
  unified: 'Unified',
  split: 'Side by side',
  binary: 'Binary file. It has no lines to show.',
  truncated: 'This change is too large to show here. Clone the repository to see it.',
  noTextChange: 'No line changed: the file is empty, was renamed, or changed its mode only.',
  omitted: (n: number) => `${plural(n, 'more line')} left out. Clone the repository to see all of it.`,
  showMore: (n: number) => `Show ${plural(n, 'more line')}`,
  fromLine: (n: number) => `From line ${n}`,
  diffOf: (path: string) => `Diff of ${path}`,
  none: 'No file differs',
  verbs: { add: 'New', remove: 'Removed', rename: 'Renamed', change: 'Changed' } as Record<string, string>,
};
