import { ErrandError, type ErrandErrorDetails, type FailureCode, isErrandError, messageOf } from '../errors.ts';
import type { ProviderProfile } from './profile.ts';

const QUOTA_CODE = /insufficient_quota|insufficient_balance|current_quota|billing|spend_limit|organization_on_hold/;
const QUOTA_MESSAGE = /credit balance is too low/i;
const CONTEXT_CODE = /context_length_exceeded|context_window_exceeded/;
const CONTEXT_MESSAGE = /maximum context length|context (window|length|limit)|prompt is too long/i;
/** A single request above the tokens that a minute allows: no wait lets it in. */
const NEVER_FITS = /request too large/i;
const TOOLS_WITH_EFFORT = /function tools with reasoning_effort/i;
const EFFORT_FIELD = /reasoning[._]effort|output_config|reasoning effort|thinking/i;

/**
 * What a provider says of an error: its code and type as one text to search, its message, the field it is about, and the
 * HTTP status that some tell inside a stream.
 */
type ProviderComplaint = { kind: string; message: string; field?: string; status?: number };

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
  const { code, type, param, message } = outer;
  const isStatus = typeof code === 'number' && code >= 400 && code <= 599;
  return {
    kind: [code, type, details].filter((part) => typeof part === 'string').join(' '),
    message: typeof message === 'string' ? message : fallback,
    ...(typeof param === 'string' && { field: param }),
    ...(isStatus && { status: code }),
  };
}

function codeOfStatus(status: number): FailureCode {
  if (status === 401 || status === 403) return 'CREDENTIAL_REJECTED';
  if (status === 402) return 'PROVIDER_QUOTA_EXHAUSTED';
  if (status === 429) return 'PROVIDER_RATE_LIMITED';
  if (status === 503 || status === 529) return 'PROVIDER_OVERLOADED';
  if (status >= 500 || status === 408 || status === 409) return 'PROVIDER_FAILED';
  return 'PROVIDER_REFUSED_REQUEST';
}

/** For errors inside a stream that tell no status. */
function codeOfKind(kind: string): FailureCode {
  if (/rate_limit/.test(kind)) return 'PROVIDER_RATE_LIMITED';
  if (/overloaded|slow_down/.test(kind)) return 'PROVIDER_OVERLOADED';
  if (/authentication|permission|invalid_api_key/.test(kind)) return 'CREDENTIAL_REJECTED';
  if (/invalid_request|invalid_prompt|not_found|too_large/.test(kind)) return 'PROVIDER_REFUSED_REQUEST';
  return 'PROVIDER_FAILED';
}

function codeOf({ kind, message, status: told }: ProviderComplaint, answered: number | undefined): FailureCode {
  const status = answered ?? told;
  if (QUOTA_CODE.test(kind) || QUOTA_MESSAGE.test(message)) return 'PROVIDER_QUOTA_EXHAUSTED';
  const mayBeContext = status === undefined || status === 400 || status === 413;
  if (CONTEXT_CODE.test(kind) || NEVER_FITS.test(message)) return 'CONTEXT_TOO_LONG';
  if (mayBeContext && CONTEXT_MESSAGE.test(message)) return 'CONTEXT_TOO_LONG';
  return status === undefined ? codeOfKind(kind) : codeOfStatus(status);
}

/**
 * Turns what a provider complained of, in an answer or inside a stream (no `httpStatus`), into an error. Its message is
 * kept whole until it is masked: of one that is cut first, the half of a key would be left.
 */
function faultOfComplaint(
  profile: ProviderProfile,
  complaint: ProviderComplaint,
  details: ErrandErrorDetails,
): ErrandError {
  const code = codeOf(complaint, details.httpStatus);
  const answered = details.httpStatus === undefined ? 'failed in its stream' : `answered ${details.httpStatus}`;
  const said = complaint.message || complaint.kind || 'no message';
  const remedy = code === 'PROVIDER_REFUSED_REQUEST' ? remedyFor(complaint, profile) : undefined;
  return new ErrandError(code, `Provider "${profile.name}" ${answered}: ${said}`, {
    ...details,
    ...(remedy !== undefined && { remedy }),
  });
}

function remedyFor({ message, field = message }: ProviderComplaint, { name }: ProviderProfile): string | undefined {
  if (TOOLS_WITH_EFFORT.test(message)) {
    return `Declare provider "${name}" with wire "responses", or route its tasks with reasoning_effort "none".`;
  }
  if (!EFFORT_FIELD.test(field)) return undefined;
  return `Declare the levels of the model under providers.${name}.efforts, or set its effort_policy to "omit".`;
}

/** `Date.parse` alone takes nearly anything with a number in it for a date. */
const HTTP_DATE = /^[A-Z][a-z]{2,8}, .* GMT$|^\d{4}-\d\d-\d\dT/;

/**
 * How long the provider asked to wait, in milliseconds: `retry-after-ms`, else `retry-after` in seconds or as a date.
 * `undefined` where it did not ask, or asked for nonsense.
 */
export function retryAfterMsOf(headers: Headers, nowMs: number = Date.now()): number | undefined {
  const exact = headers.get('retry-after-ms')?.trim() || 'absent';
  const coarse = headers.get('retry-after')?.trim() || 'absent';
  const date = HTTP_DATE.test(coarse) ? Date.parse(coarse) : Number.NaN;
  const waitMs = [Number(exact), Number(coarse) * 1000, date - nowMs].find(Number.isFinite);
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
    `Connection to provider "${profile.name}" at ${host} failed: ${code}${root?.message ?? 'no reason given'}`,
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
    `Provider "${profile.name}" sent what its wire "${profile.wire}" does not know: ${messageOf(error)}`,
  );
}
