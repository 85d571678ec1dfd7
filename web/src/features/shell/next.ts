/**
 * The page to go to after sign-in. Only an address of this portal is followed;
 * "//host" and "/\host" would leave it.
 */
export function safeNext(next: string | undefined): string {
  if (!next || !next.startsWith('/') || /^\/[/\\]/.test(next)) return '/';
  return next;
}
