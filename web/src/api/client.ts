import { errorOf, offlineError } from './errors';

export type Params = {
  /** Values of the {names} in the path. */
  path?: Record<string, string | number>;
  /** Query; undefined, null and '' are left out. */
  query?: Record<string, string | number | boolean | null | undefined>;
  signal?: AbortSignal;
};

/** Builds an address from a path with {names}. */
export function url(path: string, params: Params = {}): string {
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

async function send<T>(method: string, path: string, params: Params = {}, body?: unknown): Promise<T> {
  let response: Response;
  try {
    response = await fetch(url(path, params), {
      method,
      credentials: 'same-origin',
      headers:
        body === undefined
          ? { Accept: 'application/json' }
          : { Accept: 'application/json', 'Content-Type': 'application/json' },
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

/** The calls of the portal's API. A failure is thrown as an ApiError. */
export const api = {
  get: <T>(path: string, params?: Params) => send<T>('GET', path, params),
  post: <T>(path: string, params?: Params, body?: unknown) => send<T>('POST', path, params, body),
  put: <T>(path: string, params?: Params, body?: unknown) => send<T>('PUT', path, params, body),
  patch: <T>(path: string, params?: Params, body?: unknown) => send<T>('PATCH', path, params, body),
  delete: <T>(path: string, params?: Params) => send<T>('DELETE', path, params),
};
