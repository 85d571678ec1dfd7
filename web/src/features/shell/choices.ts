import type { Action, Hit } from '~/api/types';
import type { NavGroup, NavItem } from './nav';

export type ActionChoice = { action: Action; entity?: Hit };

/**
 * The actions the palette offers for a text. An action on an entity is offered
 * with each entity that the rest of the text finds, so that its form opens
 * filled in; without a text only actions that need no entity are offered.
 */
export function actionChoices(actions: Action[], text: string, restHits: Hit[]): ActionChoice[] {
  const allowed = actions.filter((action) => action.allowed);
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const first = words[0] ?? '';
  if (!first) return allowed.filter((action) => !action.blueprint).map((action) => ({ action }));
  const all = (action: Action) => words.every((word) => action.title.toLowerCase().includes(word));
  const out: ActionChoice[] = [];
  for (const action of allowed) {
    if (action.blueprint) {
      if (!action.title.toLowerCase().includes(first)) continue;
      for (const entity of restHits) if (entity.blueprint === action.blueprint) out.push({ action, entity });
    }
    if (all(action)) out.push({ action });
  }
  return out;
}

/** The pages whose name has the text in it. */
export function pageChoices(groups: NavGroup[], text: string): NavItem[] {
  const wanted = text.trim().toLowerCase();
  return groups.flatMap((group) => group.items).filter((item) => item.label.toLowerCase().includes(wanted));
}
