/**
 * The page to go to after sign-in. Only an address of this portal is followed;
 * "//host" and "/\host" would leave it.
 */
export function safeNext(next: string | undefined): string {
  // Browsers leave out tabs and line ends and take \ for /.
  // oxlint-disable-next-line no-control-regex
  if (!next || !next.startsWith('/') || next.startsWith('//') || /[\u0000-\u0020\\\u007f]/.test(next))
    return '/';
  return next;
}

/** True for addresses of the server itself, such as a running service's, not of the UI. */
export function isServerPath(path: string): boolean {
  return /^\/(run|git|v1)\//.test(path);
}
