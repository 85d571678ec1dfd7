/**
 * The page to go to after sign-in. Only an address of this portal is followed;
 * "//host" and "/\host" would leave it.
 */
export function safeNext(next: string | undefined): string {
  if (!next || !next.startsWith('/') || /^\/[/\\]/.test(next)) return '/';
  return next;
}

/** True for addresses of the server itself, such as a running service's, not of the UI. */
export function isServerPath(path: string): boolean {
  return /^\/(run|git|v1)\//.test(path);
}
