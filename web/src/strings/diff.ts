import { count } from './plural';

/** Texts of diffs. */
export const diffStrings = {
  filesChanged: (n: number) => `${count(n, 'file', 'files')} changed`,
  added: (n: number) => `${count(n, 'line', 'lines')} added`,
  removed: (n: number) => `${count(n, 'line', 'lines')} removed`,
  foldAll: 'Fold all',
  unfoldAll: 'Unfold all',
  layout: 'Layout of the diff',
  unified: 'Unified',
  split: 'Side by side',
  binary: 'Binary file. It has no lines to show.',
  truncated: 'This change is too large to show here. Clone the repository to see it.',
  noTextChange: 'No line changed: the file is empty, was renamed, or changed its mode only.',
  omitted: (n: number) =>
    `${count(n, 'more line', 'more lines')} left out. Clone the repository to see all of it.`,
  showMore: (n: number) => `Show ${count(n, 'more line', 'more lines')}`,
  fromLine: (n: number) => `From line ${n.toLocaleString('en')}`,
  diffOf: (path: string) => `Diff of ${path}`,
  verbs: { add: 'New', remove: 'Removed', rename: 'Renamed', change: 'Changed' } as Record<string, string>,
};
