// Apart from the page, since the route reads it before the page is loaded.

export type BuilderTab =
  | 'settings'
  | 'properties'
  | 'relations'
  | 'derived'
  | 'scorecards'
  | 'json'
  | 'playground';
export const builderTabs: BuilderTab[] = [
  'settings',
  'properties',
  'relations',
  'derived',
  'scorecards',
  'json',
  'playground',
];
