import type { Provider } from '../catalogue/provider.ts';
import { ErrandError, type ErrandErrorDetails, isErrandError, messageOf } from '../errors.ts';
import type { AnswerHeaders } from './answer.ts';
import { type Complaint, readComplaint } from './complaint.ts';
import { isRefusedAddress } from './connections.ts';
import { codeOfComplaint, searchable } from './fault-codes.ts';
import { malformed } from './malformed.ts';
import { faultOfNetwork } from './network-fault.ts';
import { remedyFor } from './remedies.ts';
import { replyTooLarge } from './reply-budget.ts';

export { isRecord } from './complaint.ts';

/**
 * Turns a complaint in an answer, or inside a stream (no `httpStatus`), into an error. The message stays whole until it
 * is masked: if it were cut first, half of a key could remain.
 */
function faultOfComplaint(provider: Provider, complaint: Complaint, details: ErrandErrorDetails): ErrandError {
  const { httpStatus, retryAfterMs } = details;
  const searched = searchable(complaint);
  const code = codeOfComplaint(searched, httpStatus, retryAfterMs !== undefined);
  const answered = httpStatus === undefined ? 'failed in its stream' : `answered ${httpStatus}`;
  const said = complaint.message || complaint.kind || 'no message';
  const remedy = remedyFor(code, searched, provider);
  return new ErrandError(code, `Provider "${provider.name}" ${answered}: ${said}`, {
    ...details,
    ...(remedy !== undefined && { remedy }),
  });
}

/** `Date.parse` alone accepts nearly any text with a number as a date. */
const HTTP_DATE = /^[A-Z][a-z]{2,8}, .* GMT$|^\d{4}-\d\d-\d\dT/;

/**
 * Reads how long the provider asks to wait, in milliseconds: `retry-after-ms`, else `retry-after` in seconds or as a
 * date. Returns `undefined` if both are missing or invalid.
 */
export function retryAfterMsOf(headers: AnswerHeaders, nowMs: number = Date.now()): number | undefined {
  const exact = headers.get('retry-after-ms')?.trim() || 'absent';
  const coarse = headers.get('retry-after')?.trim() || 'absent';
  const date = HTTP_DATE.test(coarse) ? Date.parse(coarse) : Number.NaN;
  const waitMs = [Number(exact), Number(coarse) * 1000, date - nowMs].find(Number.isFinite);
  return waitMs === undefined ? undefined : Math.max(0, waitMs);
}

/** The form of a request id. An id is stored with every turn and shown to people, so any other text is ignored. */
const REQUEST_ID = /^[!-~]{1,200}$/;

/** The provider's own id of a request, under either of its usual names; `undefined` without a valid id. */
export function requestIdOf(headers: AnswerHeaders): string | undefined {
  const ids = [headers.get('x-request-id'), headers.get('request-id')];
  return ids.find((id) => id !== null && REQUEST_ID.test(id)) ?? undefined;
}

/** A complaint as it arrived: in an answer of any status, even 200, or as an event in a stream (no `status`). */
export type FailedAnswer = {
  status?: number | undefined;
  headers: AnswerHeaders | undefined;
  body: unknown;
  /** The message to report if the body has none. */
  message: string;
};

/** Turns an answer with a complaint into an error, with the requested wait and the provider's request id. */
export function faultOfAnswer(provider: Provider, { status, headers, body, message }: FailedAnswer): ErrandError {
  const complaint = readComplaint(body, message);
  const retryAfterMs = (headers && retryAfterMsOf(headers)) ?? complaint.retryAfterMs;
  const requestId = headers && requestIdOf(headers);
  return faultOfComplaint(provider, complaint, {
    ...(status !== undefined && { httpStatus: status }),
    ...(retryAfterMs !== undefined && { retryAfterMs }),
    ...(requestId !== undefined && { requestId }),
  });
}

/**
 * The `APIError` of both SDKs. It is recognized by its fields, so that no SDK is loaded for it. Without a status, it
 * means a failed connection (docs/internals/sdks.md).
 */
type SdkError = Error & { status: number | undefined; headers: AnswerHeaders | undefined; error: unknown };

function isSdkError(error: unknown): error is SdkError {
  return error instanceof Error && 'status' in error && 'headers' in error && 'error' in error;
}

/** The error and its causes, outermost first. */
function chainOf(error: unknown): Error[] {
  const chain: Error[] = [];
  for (let link = error; link instanceof Error && chain.length < 8; link = link.cause) chain.push(link);
  return chain;
}

/**
 * Makes the error for an address that Errand does not connect to. The remedy is in the configuration, not in the
 * network.
 */
function faultOfAddress({ name }: Provider, refused: Error): ErrandError {
  return new ErrandError('PROVIDER_ADDRESS_REFUSED', `No connection to provider "${name}": ${refused.message}`, {
    remedy: `Correct providers.${name}.base_url or its DNS record. If the address is right, set providers.${name}.allow_link_local: true.`,
  });
}

function isNetworkError(chain: Error[]): boolean {
  return chain.some(
    (link) =>
      (isSdkError(link) && link.status === undefined) ||
      ('code' in link && typeof link.code === 'string' && /^(UND_ERR_|E[A-Z]{3,})/.test(link.code)),
  );
}

/**
 * Turns anything that an SDK, `fetch` or the reader of a stream throws into an `ErrandError`. It is the only
 * classifier.
 *
 * Keeps the status, the request id and the requested wait; never the key, the headers or the body of the request.
 */
export function faultOf(provider: Provider, error: unknown): ErrandError {
  const chain = chainOf(error);
  const ours = chain.find((link) => isErrandError(link));
  if (ours) return named(provider, ours);
  const refused = chain.find(isRefusedAddress);
  if (refused) return faultOfAddress(provider, refused);
  if (isNetworkError(chain)) return faultOfNetwork(provider, chain.at(-1));
  if (isSdkError(error)) {
    const { status, headers, error: body, message } = error;
    return faultOfAnswer(provider, { status, headers, body, message });
  }
  return malformed(provider, `a reply that does not fit its wire "${provider.wire}": ${messageOf(error)}`);
}

/** Adds the provider to the error for a reply that is too large. The code that counts the reply does not know the provider. */
function named({ name }: Provider, error: ErrandError): ErrandError {
  const isNamed = error.code !== 'PROVIDER_REPLY_TOO_LARGE' || error.message.startsWith('Provider "');
  return isNamed ? error : replyTooLarge(name, error.message);
}
