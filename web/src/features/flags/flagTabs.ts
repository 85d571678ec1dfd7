export const flagTabs = [
  'rules',
  'schedule',
  'tester',
  'usage',
  'history',
  'code',
  'json',
  'settings',
] as const;
export type FlagTab = (typeof flagTabs)[number];

export function parseFlagTab(value: unknown): FlagTab | undefined {
  return flagTabs.find((tab) => tab === value && tab !== 'rules');
}
