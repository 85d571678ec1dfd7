/** One thing that is wrong with a request. */
export type ErrorDetail = { field?: string; problem: string; expected?: string };

type Envelope = {
  error?: string;
  message?: string;
  details?: ErrorDetail[];
  requestId?: string;
  rule?: string;
  reason?: string;
  alternative?: string;
  contact?: string;
  data?: unknown;
};

/** An answer of the portal that is not a success, or no answer at all. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  readonly details: ErrorDetail[];
  readonly requestId?: string;
  /** The four parts of a refusal. */
  readonly rule?: string;
  readonly reason?: string;
  readonly alternative?: string;
  readonly contact?: string;
  readonly data?: unknown;

  constructor(status: number, body: Envelope) {
    super(body.message ?? 'The portal gave no reason.');
    this.name = 'ApiError';
    this.status = status;
    this.code = body.error ?? 'internal';
    this.details = body.details ?? [];
    this.requestId = body.requestId;
    this.rule = body.rule;
    this.reason = body.reason;
    this.alternative = body.alternative;
    this.contact = body.contact;
    this.data = body.data;
  }

  /** Messages by field name, for forms. */
  fieldErrors(): Record<string, string> {
    const out: Record<string, string> = {};
    for (const d of this.details) {
      if (!d.field || out[d.field]) continue;
      out[d.field] = d.expected ? `${sentence(d.problem)}. Expected: ${d.expected}` : sentence(d.problem);
    }
    return out;
  }
}

// A name such as a commit's keeps its letters; a word becomes a sentence's start.
function sentence(text: string): string {
  if (/^\S*\d/.test(text)) return text;
  return text.charAt(0).toUpperCase() + text.slice(1);
}

export const offlineCode = 'offline';

/** Makes an ApiError of an answer that is not ok. */
export function errorOf(status: number, body: unknown): ApiError {
  if (body && typeof body === 'object') return new ApiError(status, body as Envelope);
  return new ApiError(status, {
    error: 'internal',
    message: `The portal answered ${status} without details.`,
  });
}

/** Makes an ApiError of a request that got no answer. */
export function offlineError(): ApiError {
  return new ApiError(0, {
    error: offlineCode,
    message: 'The portal does not answer. It may be restarting.',
  });
}

export function isApiError(error: unknown, code?: string): error is ApiError {
  return error instanceof ApiError && (code === undefined || error.code === code);
}
