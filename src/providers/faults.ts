import { clip } from '../base/text.ts';
import { ErrandError, type ErrandErrorDetails, type FailureCode, isErrandError, messageOf } from '../errors.ts';
import type { ProviderProfile } from './profile.ts';

const MESSAGE_LIMIT = 300;

const QUOTA_CODE = /insufficient_quota|insufficient_balance|billing|spend_limit|organization_on_hold/;
const QUOTA_MESSAGE = /credit balance is too low/i;
const CONTEXT_CODE = /context_length_exceeded|context_window_exceeded/;
const CONTEXT_MESSAGE = /maximum context length|context (window|length|limit)|prompt is too long/i;
const TOOLS_WITH_EFFORT = /function tools with reasoning_effort/i;

/** What a provider says of an error: its code and type as one text to search, and its message. */
export type ProviderComplaint = { kind: string; message: string };

/** Tells whether something out of a body has fields to look at. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

/** Finds the complaint in an error body: `{error: {…}}`, the inner object itself, or Gemini's array of the first. */
function complaintIn(body: unknown, fallback: string): ProviderComplaint {
  const outer = Array.isArray(body) ? body[0] : body;
  if (!isRecord(outer)) return { kind: '', message: fallback };
  if (isRecord(outer.error)) return complaintIn(outer.error, fallback);
  const details = isRecord(outer.details) ? outer.details.error_code : undefined;
  const kind = [outer.code, outer.type, details].filter((part) => typeof part === 'string').join(' ');
  return { kind, message: typeof outer.message === 'string' ? outer.message : fallback };
}

function codeOfStatus(status: number): FailureCode {
  if (status === 401 || status === 403) return 'CREDENTIAL_REJECTED';
  if (status === 402) return 'PROVIDER_QUOTA_EXHAUSTED';
  if (status === 429) return 'PROVIDER_RATE_LIMITED';
  if (status === 503 || status === 529) return 'PROVIDER_OVERLOADED';
  if (status >= 500 || status === 408 || status === 409) return 'PROVIDER_FAILED';
  return 'PROVIDER_REFUSED_REQUEST';
}

/** For errors inside a stream, which have no status of their own. */
function codeOfKind(kind: string): FailureCode {
  if (/rate_limit/.test(kind)) return 'PROVIDER_RATE_LIMITED';
  if (/overloaded|slow_down/.test(kind)) return 'PROVIDER_OVERLOADED';
  if (/authentication|permission|invalid_api_key/.test(kind)) return 'CREDENTIAL_REJECTED';
  return 'PROVIDER_FAILED';
}

function codeOf({ kind, message }: ProviderComplaint, status: number | undefined): FailureCode {
  if (QUOTA_CODE.test(kind) || QUOTA_MESSAGE.test(message)) return 'PROVIDER_QUOTA_EXHAUSTED';
  const mayBeContext = status === undefined || status === 400 || status === 413;
  if (CONTEXT_CODE.test(kind) || (mayBeContext && CONTEXT_MESSAGE.test(message))) return 'CONTEXT_TOO_LONG';
  return status === undefined ? codeOfKind(kind) : codeOfStatus(status);
}

/**
 * Turns what a provider complained of, in an answer or inside a stream (no `httpStatus`), into an error.
 * The provider's own message is clipped.
 */
export function faultOfComplaint(
  profile: ProviderProfile,
  complaint: ProviderComplaint,
  details: ErrandErrorDetails = {},
): ErrandError {
  const code = codeOf(complaint, details.httpStatus);
  const answered = details.httpStatus === undefined ? 'failed in its stream' : `answered ${details.httpStatus}`;
  const said = clip(complaint.message || complaint.kind || 'no message', MESSAGE_LIMIT);
  const remedy = TOOLS_WITH_EFFORT.test(complaint.message)
    ? `Declare provider "${profile.name}" with wire "responses", or route its tasks with reasoning_effort "none".`
    : undefined;
  return new ErrandError(code, `Provider "${profile.name}" ${answered}: ${said}`, {
    ...details,
    ...(remedy !== undefined && { remedy }),
  });
}

/**
 * How long the provider asked to wait, in milliseconds: `retry-after-ms`, else `retry-after` in seconds or as a date.
 * `undefined` where it did not ask, or asked for nonsense.
 */
export function retryAfterMsOf(headers: Headers, nowMs: number = Date.now()): number | undefined {
  const exact = headers.get('retry-after-ms')?.trim() || 'absent';
  const coarse = headers.get('retry-after')?.trim() || 'absent';
  const waitMs = [Number(exact), Number(coarse) * 1000, Date.parse(coarse) - nowMs].find(Number.isFinite);
  return waitMs === undefined ? undefined : Math.max(0, waitMs);
}

/** The provider's own id of a request, under either of its usual names. */
export function requestIdOf(headers: Headers): string | undefined {
  return headers.get('x-request-id') ?? headers.get('request-id') ?? undefined;
}

/** A complaint as it arrived: in an answer of its own, or as an event of a stream that had begun well (no `status`). */
export type FailedAnswer = {
  status?: number | undefined;
  headers: Headers | undefined;
  body: unknown;
  /** Told where the body has no message of its own. */
  message: string;
};

/** Turns an answer that says what went wrong into an error, with the wait it asks for and the provider's id of it. */
export function faultOfAnswer(profile: ProviderProfile, { status, headers, body, message }: FailedAnswer): ErrandError {
  const retryAfterMs = headers && retryAfterMsOf(headers);
  const requestId = headers && requestIdOf(headers);
  return faultOfComplaint(profile, complaintIn(body, message), {
    ...(status !== undefined && { httpStatus: status }),
    ...(retryAfterMs !== undefined && { retryAfterMs }),
    ...(requestId !== undefined && { requestId }),
  });
}

/**
 * The `APIError` of both SDKs, told by its shape, so that neither is loaded for it. Without a status, it stands for a
 * connection that failed.
 */
type SdkError = Error & { status: number | undefined; headers: Headers | undefined; error: unknown };

function isSdkError(error: unknown): error is SdkError {
  return error instanceof Error && 'status' in error && 'headers' in error && 'error' in error;
}

/** The error and its causes, outermost first. */
function chainOf(error: unknown): Error[] {
  const chain: Error[] = [];
  for (let link = error; link instanceof Error && chain.length < 8; link = link.cause) chain.push(link);
  return chain;
}

/** What broke below HTTP, in the words of the innermost error: `ECONNREFUSED: connect ECONNREFUSED …`. */
function faultOfNetwork(profile: ProviderProfile, chain: Error[]): ErrandError {
  const root = chain.at(-1);
  const code = root && 'code' in root && typeof root.code === 'string' ? `${root.code}: ` : '';
  const { host } = new URL(profile.base_url);
  return new ErrandError(
    'PROVIDER_UNREACHABLE',
    `Connection to provider "${profile.name}" at ${host} failed: ${code}${clip(root?.message ?? 'no reason given', MESSAGE_LIMIT)}`,
    { cause: root },
  );
}

function isNetworkError(chain: Error[]): boolean {
  return chain.some(
    (link) =>
      (isSdkError(link) && link.status === undefined) ||
      ('code' in link && typeof link.code === 'string' && /^(UND_ERR_|E[A-Z]{3,})/.test(link.code)),
  );
}

/**
 * Turns anything thrown by an SDK, by fetch or by reading a stream into an error of ours: the one classifier.
 *
 * Keeps status, request id and the wait asked for; never the key, the headers or the body of the request.
 */
export function faultOf(profile: ProviderProfile, error: unknown): ErrandError {
  const chain = chainOf(error);
  const ours = chain.find((link) => isErrandError(link));
  if (ours) return ours;
  if (isNetworkError(chain)) return faultOfNetwork(profile, chain);
  if (isSdkError(error)) {
    const { status, headers, error: body, message } = error;
    return faultOfAnswer(profile, { status, headers, body, message });
  }
  return new ErrandError(
    'PROVIDER_MALFORMED',
    `Provider "${profile.name}" sent what its wire "${profile.wire}" does not know: ${clip(messageOf(error), MESSAGE_LIMIT)}`,
  );
}
