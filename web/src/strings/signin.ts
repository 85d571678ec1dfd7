import * as en from './en/signin';

/** The texts of signing in, people and machines; loaded with their pages, not with the shell. */
export const ts: typeof en = en;
