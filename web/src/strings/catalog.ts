import * as en from './en/catalogPages';

/** The texts of the catalog's pages; loaded with them, not with the shell. */
export const tc: typeof en = en;
