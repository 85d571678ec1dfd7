import { useCallback, useMemo, useState } from 'react';
import { changedParts, patchOf, settingOf, type Patch, type Setting } from './model';
import type { FlagEnvironment } from './types';

type Kept = { base: Setting; version: number; draft: Setting };

export type Draft = {
  /** What is on screen: the server's setting with what was changed here. */
  setting: Setting;
  /** What the server had when the change was begun. */
  base: Setting;
  version: number;
  patch: Patch;
  changed: number;
  /** Somebody saved after the change was begun. */
  outdated: boolean;
  change: (part: Partial<Setting>) => void;
  discard: () => void;
  /** Puts what was changed here onto what the server has now. */
  rebase: () => void;
};

/** What is being edited, apart for each environment, until it is saved or dropped. */
export function useDraft(environment: FlagEnvironment): Draft {
  const [kept, setKept] = useState<Record<string, Kept>>({});
  const name = environment.environment;
  const mine = kept[name];
  const server = useMemo(() => settingOf(environment), [environment]);
  const base = mine?.base ?? server;
  const version = mine?.version ?? environment.version;
  const setting = mine?.draft ?? server;
  const patch = useMemo(() => patchOf(base, setting), [base, setting]);
  const changed = changedParts(base, setting);

  const change = useCallback(
    (part: Partial<Setting>) =>
      setKept((before) => {
        const now = before[name] ?? { base: server, version: environment.version, draft: server };
        const draft = { ...now.draft, ...part };
        if (changedParts(now.base, draft) === 0) return without(before, name);
        return { ...before, [name]: { ...now, draft } };
      }),
    [name, server, environment.version],
  );
  const discard = useCallback(() => setKept((before) => without(before, name)), [name]);
  const rebase = useCallback(
    () =>
      setKept((before) => {
        const now = before[name];
        if (!now) return before;
        const draft = { ...server, ...patchOf(now.base, now.draft) };
        if (changedParts(server, draft) === 0) return without(before, name);
        return { ...before, [name]: { base: server, version: environment.version, draft } };
      }),
    [name, server, environment.version],
  );
  return {
    setting,
    base,
    version,
    patch,
    changed,
    outdated: mine !== undefined && environment.version !== mine.version,
    change,
    discard,
    rebase,
  };
}

function without(all: Record<string, Kept>, name: string): Record<string, Kept> {
  const { [name]: _, ...rest } = all;
  return rest;
}
