import * as en from './en/noticePages';

/** The texts of notices; loaded with their pages, not with the shell. */
export const tn: typeof en = en;
