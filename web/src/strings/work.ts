import * as en from './en/workPages';

/** The texts of runs, plans and repositories; loaded with their pages, not with the shell. */
export const tw: typeof en = en;
