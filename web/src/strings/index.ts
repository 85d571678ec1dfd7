import * as en from './en';

/** The type every catalogue has. */
export type Strings = typeof en;

/** The texts of the UI. Components never write their own. */
export const t: Strings = en;
