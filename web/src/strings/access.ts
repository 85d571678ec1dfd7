import { access } from './en/access';

/** The texts of access and policies; loaded with their pages, not with the shell. */
export const ta: typeof access = access;
