import * as en from './en/auditPages';

/** The texts of the audit log and of timelines; loaded with their pages, not with the shell. */
export const ta: typeof en = en;
