/** Where the wizard stands, all of it in the address. Other keys fill in answers. */
export type WizardSearch = {
  step?: 'plan' | 'run';
  plan?: string;
  run?: string;
  entity?: string;
  [answer: string]: string | undefined;
};

const own = new Set(['step', 'plan', 'run', 'entity', 'log']);

export function parseWizardSearch(raw: Record<string, unknown>): WizardSearch {
  const out: WizardSearch = {};
  for (const [key, value] of Object.entries(raw)) {
    if (value === undefined || value === null || typeof value === 'object') continue;
    if (key === 'step') {
      if (value === 'plan' || value === 'run') out.step = value;
      continue;
    }
    out[key] = String(value);
  }
  return out;
}

/** The answers in the address, by field. */
export function answersIn(search: WizardSearch): Record<string, string> {
  const out: Record<string, string> = {};
  for (const [key, value] of Object.entries(search)) {
    if (!own.has(key) && value !== undefined) out[key] = value;
  }
  return out;
}
