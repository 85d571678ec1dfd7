import { ApiError, errorOf, offlineError } from './errors';
import { askToSignIn } from '~/lib/proof';
import type { paths } from './schema';

// The types of every call follow from the generated description of the API:
// its path, the values in it, its query, its body and its answer.

type Method = 'get' | 'post' | 'put' | 'patch' | 'delete';
type Operation<P extends keyof paths, M extends Method> = Extract<paths[P][M], { responses: unknown }>;

/** The paths that have a method. */
export type PathsWith<M extends Method> = {
  [P in keyof paths]: [Operation<P, M>] extends [never] ? never : P;
}[keyof paths];

type Json<Content> = Content extends { content: { 'application/json': infer J } } ? J : never;
type Success<Responses> =
  Responses extends Record<number | string, unknown>
    ? { [S in keyof Responses]: S extends 200 | 201 | 202 ? Json<Responses[S]> : never }[keyof Responses]
    : never;

/** What a call answers. */
export type Answer<P extends keyof paths, M extends Method> = Success<Operation<P, M>['responses']>;

type Named<P extends keyof paths, M extends Method, Where extends 'path' | 'query'> =
  Operation<P, M> extends { parameters: { [W in Where]?: infer Values } } ? NonNullable<Values> : never;
type Loose<Values> = { [Name in keyof Values]: Values[Name] | null | '' };

/** The values in the path and the query of a call; '' and null are left out. */
export type Params<P extends keyof paths, M extends Method> = {
  query?: Loose<Named<P, M, 'query'>>;
  signal?: AbortSignal;
} & ([Named<P, M, 'path'>] extends [never] ? { path?: undefined } : { path: Named<P, M, 'path'> });

type Body<P extends keyof paths, M extends Method> =
  Operation<P, M> extends { requestBody?: infer B } ? Json<NonNullable<B>> : never;

type AnyParams = {
  path?: Record<string, string | number>;
  query?: Record<string, string | number | boolean | null | undefined>;
  signal?: AbortSignal;
};

/** Builds an address from a path with {names}. */
export function url(path: string, params: AnyParams = {}): string {
  const filled = path.replace(/\{(\w+)\}/g, (_, name: string) =>
    encodeURIComponent(String(params.path?.[name] ?? '')),
  );
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(params.query ?? {})) {
    if (value === undefined || value === null || value === '' || value === false) continue;
    query.set(name, String(value));
  }
  const text = query.toString();
  return text ? `${filled}?${text}` : filled;
}

/**
 * Makes a call whose types the caller states; prefer `api`. When the session
 * has ended, or the call needs a fresh sign-in, the person is asked in a dialog
 * and the call is made again: what was filled in stays.
 */
export async function call<T>(
  method: string,
  path: string,
  params: AnyParams = {},
  body?: unknown,
): Promise<T> {
  try {
    return await send<T>(method, path, params, body);
  } catch (error) {
    if (path.startsWith('/v1/auth/') || !(error instanceof ApiError)) throw error;
    const fresh = (error.data as { freshSignIn?: boolean } | undefined)?.freshSignIn === true;
    if (error.status !== 401 && !fresh) throw error;
    if (!(await askToSignIn(fresh ? 'fresh' : 'ended'))) throw error;
    return await send<T>(method, path, params, body);
  }
}

async function send<T>(method: string, path: string, params: AnyParams, body?: unknown): Promise<T> {
  const headers: Record<string, string> = { Accept: 'application/json' };
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  let response: Response;
  try {
    response = await fetch(url(path, params), {
      method,
      credentials: 'same-origin',
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: params.signal,
    });
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw offlineError();
  }
  const text = await response.text();
  let parsed: unknown;
  try {
    parsed = text ? JSON.parse(text) : {};
  } catch {
    parsed = undefined;
  }
  if (!response.ok) throw errorOf(response.status, parsed);
  return parsed as T;
}

// Parameters may be left out when the path has no values in it.
type Given<P extends keyof paths, M extends Method> = [Named<P, M, 'path'>] extends [never]
  ? [params?: Params<P, M>]
  : [params: Params<P, M>];
type GivenWithBody<P extends keyof paths, M extends Method> = [Body<P, M>] extends [never]
  ? Given<P, M>
  : [params: Params<P, M>, body: Body<P, M>];

/** The calls of the portal's API. A failure is thrown as an ApiError. */
export const api = {
  get: <P extends PathsWith<'get'>>(path: P, ...[params]: Given<P, 'get'>) =>
    call<Answer<P, 'get'>>('GET', path, params as AnyParams),
  post: <P extends PathsWith<'post'>>(path: P, ...[params, body]: GivenWithBody<P, 'post'>) =>
    call<Answer<P, 'post'>>('POST', path, params as AnyParams, body),
  put: <P extends PathsWith<'put'>>(path: P, ...[params, body]: GivenWithBody<P, 'put'>) =>
    call<Answer<P, 'put'>>('PUT', path, params as AnyParams, body),
  patch: <P extends PathsWith<'patch'>>(path: P, ...[params, body]: GivenWithBody<P, 'patch'>) =>
    call<Answer<P, 'patch'>>('PATCH', path, params as AnyParams, body),
  delete: <P extends PathsWith<'delete'>>(path: P, ...[params]: Given<P, 'delete'>) =>
    call<Answer<P, 'delete'>>('DELETE', path, params as AnyParams),
};
