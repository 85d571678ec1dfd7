import type { Entity } from '~/api/types';

export const tabs = [
  'overview',
  'graph',
  'runs',
  'deployments',
  'flags',
  'checks',
  'repository',
  'history',
  'activity',
  'access',
] as const;
export type Tab = (typeof tabs)[number];

/** The blueprint whose entities are services that can run. */
export const serviceBlueprint = 'Component';

/** Libraries are components too, but nothing of them runs. */
export function canRun(entity: Entity): boolean {
  return entity.blueprint === serviceBlueprint && entity.properties.type !== 'library';
}

/** The tabs that have something to show for an entity. */
export function tabsFor(entity: Entity): Tab[] {
  if (canRun(entity)) return [...tabs];
  return tabs.filter(
    (tab) => tab !== 'deployments' && tab !== 'flags' && tab !== 'checks' && tab !== 'repository',
  );
}

export function parseTab(value: unknown): Tab | undefined {
  if (value === 'relations') return 'graph'; // its name in older links
  return tabs.find((tab) => tab === value && tab !== 'overview');
}
