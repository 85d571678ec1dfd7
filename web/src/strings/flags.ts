import * as en from './en/flagPages';

/** The texts of feature flags; loaded with their pages, not with the shell. */
export const tf: typeof en = en;
