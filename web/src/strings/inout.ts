import * as en from './en/inout';

/** The texts of what comes in and goes out; loaded with its page. */
export const ti: typeof en = en;
