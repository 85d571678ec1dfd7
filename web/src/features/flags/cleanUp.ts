import type { WizardSearch } from '~/features/create/wizardSearch';
import { sharesOf } from './model';
import { whole } from './share';
import type { Evidence, Flag } from './types';

/** The action that takes a flag out of the code, and its answers as far as they are known. */
export const cleanUpAction = { to: '/create/$action', params: { action: 'clean_up_flag' } } as const;

export function cleanUpOf(flag: Flag): WizardSearch {
  return { entity: flag.service, project: flag.project, flag: flag.key, keep: usualKeep(flag) };
}

export function cleanUpOfStale(stale: Evidence): WizardSearch {
  return { entity: stale.service, project: stale.project, flag: stale.flag, keep: stale.variation };
}

/** The variation that everybody gets where most is open; nothing when there is none. */
export function usualKeep(flag: Flag): string | undefined {
  const names = flag.variations.map(({ name }) => name);
  for (const environment of [...flag.environments].reverse()) {
    if (!environment.on || environment.rules.length > 0) continue;
    const all = sharesOf(environment.serve, environment.default, names, whole).find(
      (each) => each.weight === whole,
    );
    if (all) return all.variation;
  }
  return undefined;
}
