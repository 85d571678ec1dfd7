// The names the pages use for the API's shapes.
import type { components } from '~/api/schema';
import { settingOf, type Setting } from './model';

type Schemas = components['schemas'];

// What may be left out when writing is there when read.
type Always<T, K extends keyof T> = Omit<T, K> & { [Name in K]-?: NonNullable<T[Name]> };

export type FlagEnvironment = Omit<Schemas['FlagEnvironment'], keyof Setting> & Setting;
export type Flag = Omit<
  Always<Schemas['Flag'], 'type' | 'variations' | 'kind' | 'permanent' | 'clientVisible' | 'tags'>,
  'environments'
> & { environments: FlagEnvironment[] };
export type Kind = Flag['kind'];
export type ListedState = 'on' | 'off' | 'partial' | 'archived';
export type Usage = Schemas['Usage'];
export type Change = Schemas['FlagChange'];
export type Preview = Schemas['FlagPreview'];
export type Proposal = Schemas['FlagProposal'];
export type Segment = Schemas['FlagSegment'];
export type Outcome = Schemas['FlagOutcome'];
export type Evidence = Schemas['FlagEvidence'];
export type ScheduleEntry = Schemas['FlagScheduleEntry'];
export type Reference = Schemas['FlagReference'];

export type FlagId = { project: string; key: string };
export function asFlag(raw: Schemas['Flag']): Flag {
  return {
    ...raw,
    type: raw.type ?? 'boolean',
    variations: raw.variations ?? [],
    kind: raw.kind ?? 'release',
    permanent: raw.permanent ?? false,
    clientVisible: raw.clientVisible ?? false,
    tags: raw.tags ?? [],
    environments: (raw.environments ?? []).map((each) => ({
      ...each,
      shares: each.shares ?? [],
      // The document leaves open what values and expressions are.
      ...settingOf(each as unknown as Setting),
    })),
  };
}

export const idOf = (flag: FlagId): string => `${flag.project}/${flag.key}`;
