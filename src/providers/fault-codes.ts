import type { FailureCode } from '../errors.ts';
import type { Complaint } from './complaint.ts';
import { roomIn } from './output-limit.ts';

/** Words by which providers name one kind of failure: in their codes, and in their messages. */
type Words = { kind: RegExp; message: RegExp };

const QUOTA: Words = {
  kind: /insufficient[-_ ]?(user[-_ ]?)?(quota|balance|credits?|funds)|current_quota|billing|spend(ing)?[-_ ]?limit|budget[-_ ]?exceeded|payment[-_ ]?required|organization_on_hold|arrearage|pre_consume_token_quota|\b1113\b/,
  message:
    /(insufficient|not enough|(ran|run|is|are) out of) (account |api |user |prepaid )?(balance|credits?|funds|quota)|credit balance is too low|used all (of )?(your |its )?(available )?credits|(reached|exceeded|hit) (its|your|the)[\w ]{0,40}(spending|usage|spend|billing|budget) (limit|cap)|(spending|billing|budget)( hard)? limit (has been )?(reached|exceeded)|budget has been exceeded|monthly included credits|please recharge|key limit exceeded|unpaid invoice|account (is|has been) suspended|requires more credits|account is in good standing|overdue|余额不足|欠费/i,
};
/** A free tier uses these words for a limit per minute too, and then says how long to wait. */
const QUOTA_UNLESS_WAIT = /exceeded your current quota|check your plan and billing/i;

const REFUSAL: Words = {
  kind: /content[-_ ]?(filter|policy|moderation)|responsibleaipolicy|data_?inspection_?failed|prohibited_content|policy_violation|cyber_policy|safety|moderation|sensitive_content|\b1301\b/,
  message:
    /content (management|filtering|usage|safety) polic|filtered due to the prompt|violat\w+ [\w' ]{0,40}(usage|content|safety) (polic|guideline)|(input|prompt|output|content)[\w ]{0,20} (was|been|is|were) (flagged|blocked)|flagged as (potentially )?violat|inappropriate content|不安全或敏感/i,
};

const CONTEXT: Words = {
  kind: /context_length_exceeded|context_window_exceeded|exceed_context_size|tokens_limit_reached/,
  message:
    /maximum (context|prompt|sequence) length|context (window|length|limit|size)|(prompt|input)( text)? (is |are )?too long|(input|prompt) token count|too many (input )?tokens(?!, please wait)|max size: \d+ tokens|maximum (allowed )?input (length|tokens?)|range of input length|model token limit|(input|prompt) (tokens?|length) exceeds?/i,
};
/** A single request above the tokens per minute: it fails however long the task waits. */
const NEVER_FITS = /request too large/i;

/** The model made a call that its server could not read. A retry may succeed. */
const MISCALLED: Words = {
  kind: /tool_use_failed|output_parse_failed|json_validate_failed|malformed_function_call/,
  message: /failed to call a function|failed_generation/i,
};

const CREDENTIAL: Words = {
  kind: /authentication|api[-_ ]?key|unauthori[sz]ed|unauthenticated|permission|access[-_ ]?denied|account_deactivated|invalid_token/,
  message:
    /(incorrect|invalid|missing|expired|wrong|no|unknown|revoked) (x-)?api[- ]?key|api[- ]?key[\w' ]{0,20} (not valid|invalid|incorrect|expired|missing|not found|revoked|disabled)|(authentication|authorization) fail|invalid authentication|unauthorized/i,
};

const RATE: Words = {
  kind: /rate[-_ ]?limit|throttl|too[-_ ]?many[-_ ]?requests|resource[-_ ]?exhausted/,
  message: /rate[- ]?limit|too many requests|throttled/i,
};

const OVERLOADED: Words = {
  kind: /overloaded|slow_down|unavailable|over_capacity/,
  message: /(is|are) (currently |temporarily )?(overloaded|over capacity|at capacity)/i,
};

function isSaid(words: Words, { kind, message }: Complaint): boolean {
  return words.kind.test(kind) || words.message.test(message);
}

/** Statuses below 500 with which a server, or a proxy before it, reports its own failure: the same call may pass later. */
const FAILED = new Set([408, 409, 421, 423, 424, 425, 498, 499]);

function codeOfStatus(status: number): FailureCode {
  if (status === 401 || status === 403) return 'CREDENTIAL_REJECTED';
  if (status === 402) return 'PROVIDER_QUOTA_EXHAUSTED';
  if (status === 429) return 'PROVIDER_RATE_LIMITED';
  if (status === 503 || status === 529) return 'PROVIDER_OVERLOADED';
  if (status >= 500 || FAILED.has(status)) return 'PROVIDER_FAILED';
  return 'PROVIDER_REFUSED_REQUEST';
}

/** For errors that name no status. */
function codeOfKind({ kind }: Complaint): FailureCode {
  if (/invalid_request|invalid_argument|invalid_prompt|not_found|too_large/.test(kind))
    return 'PROVIDER_REFUSED_REQUEST';
  return 'PROVIDER_FAILED';
}

/** The status that counts: the status of the answer, unless it is missing or less specific than the status in the body. */
function statusOf({ status: told }: Complaint, answered: number | undefined): number | undefined {
  if (answered === undefined || answered < 300) return told;
  return answered >= 500 && told === 429 ? told : answered;
}

const WORDS_COUNT_FOR = new Set([undefined, 400, 401, 403, 404, 413, 422, 451]);

/** Only this much of a complaint is searched, so that a long complaint cannot block the process. */
const SEARCHED_CHARS = 4_096;

/** A complaint in the form that is searched. */
export function searchable({ kind, message, ...rest }: Complaint): Complaint {
  return { ...rest, kind: kind.slice(0, SEARCHED_CHARS), message: message.slice(0, SEARCHED_CHARS) };
}

/**
 * The failure code of a complaint that was made {@link searchable}. `answered` is the status of its answer; absent for a
 * stream that had begun.
 */
export function codeOfComplaint(complaint: Complaint, answered: number | undefined, mayWait: boolean): FailureCode {
  const status = statusOf(complaint, answered);
  const isFailure = status !== undefined && status >= 500;
  const isQuota = QUOTA.message.test(complaint.message) || (!mayWait && QUOTA_UNLESS_WAIT.test(complaint.message));
  if (QUOTA.kind.test(complaint.kind) || (isQuota && !isFailure)) return 'PROVIDER_QUOTA_EXHAUSTED';
  if (NEVER_FITS.test(complaint.message) || CONTEXT.kind.test(complaint.kind)) return contextCode(complaint);
  // Some servers answer 500 to a conversation that is too long. A retry does not make it shorter.
  if (status === 500 && CONTEXT.message.test(complaint.message)) return contextCode(complaint);
  if (!WORDS_COUNT_FOR.has(status)) return codeOfStatus(status ?? 500);
  return codeOfWords(complaint) ?? (status === undefined ? codeOfKind(complaint) : codeOfStatus(status));
}

/** If output and conversation together are too long, less output helps. */
function contextCode({ message }: Complaint): FailureCode {
  return roomIn(message) ? 'PROVIDER_REFUSED_REQUEST' : 'CONTEXT_TOO_LONG';
}

function codeOfWords(complaint: Complaint): FailureCode | undefined {
  if (isSaid(MISCALLED, complaint)) return 'PROVIDER_FAILED';
  if (isSaid(REFUSAL, complaint)) return 'CHILD_REFUSED';
  if (CONTEXT.message.test(complaint.message)) return contextCode(complaint);
  if (isSaid(RATE, complaint)) return 'PROVIDER_RATE_LIMITED';
  if (isSaid(OVERLOADED, complaint)) return 'PROVIDER_OVERLOADED';
  if (isSaid(CREDENTIAL, complaint)) return 'CREDENTIAL_REJECTED';
  return undefined;
}
