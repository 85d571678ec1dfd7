import * as en from './en/approvalPages';

/** The texts of approvals and notices; loaded with their pages, not with the shell. */
export const ta: typeof en = en;
