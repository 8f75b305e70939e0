/** What a provider says about an error, gathered from every depth of a body. */
export type Complaint = {
  /** Its codes, types and reasons, as one lower-case text to search. */
  kind: string;
  /** Its messages, the outermost first. */
  message: string;
  /** The request field that caused it. */
  field?: string;
  /** The HTTP status that it names: some providers answer 200 and put the true status into the body. */
  status?: number;
  /** How long the provider asks to wait. */
  retryAfterMs?: number;
};

const KIND_KEYS = ['code', 'type', 'status', 'reason', 'error_code', 'status_code', 'error_type', '__type'];
const MESSAGE_KEYS = ['message', 'msg', 'error_msg', 'error_message', 'status_msg', 'error_description', 'title'];
const STATUS_KEYS = ['code', 'status', 'status_code', 'error_code'];
/** The fields in which a body nests more of a complaint: as an object, a list, or JSON text inside a string. */
const NESTED_KEYS = [
  ...MESSAGE_KEYS,
  'error',
  'errors',
  'detail',
  'details',
  'metadata',
  'raw',
  'innererror',
  'base_resp',
];

const MAX_DEPTH = 8;
const MAX_PARTS = 64;

/** Tells whether a value of a body has fields to search. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

/** Reads the complaint in a body of any shape. `fallback` is the message if the body has none. */
export function readComplaint(body: unknown, fallback: string): Complaint {
  const reader = new ComplaintReader();
  reader.read(body, 0);
  return reader.complaint(fallback);
}

/**
 * Tells whether an event or an answer of status 200 says explicitly that the call failed.
 *
 * `error` may be an object, a list or a text. Some providers send an empty `error` beside good content; it means nothing.
 */
function isComplaint(value: unknown): boolean {
  if (!isRecord(value)) return false;
  if (isFilled(value.error) || value.type === 'error' || value.object === 'error') return true;
  const { base_resp: base } = value;
  if (isRecord(base) && typeof base.status_code === 'number' && base.status_code !== 0) return true;
  return false;
}

/** Tells whether an answer instead of a stream says that the call failed, also if it is plain text. */
export function isComplaintAlone(body: unknown): boolean {
  const value = Array.isArray(body) ? body[0] : body;
  return isComplaint(value) || (isRecord(value) && hasBareWords(value));
}

/**
 * Tells whether an event says that the call failed. Plain text counts only beside an error status: alone it may be any note.
 */
export function isComplaintInStream(event: Record<string, unknown>): boolean {
  if (isComplaint(event)) return true;
  // Every event passes here, and nearly every event has content, which is looked for first.
  if (!hasBareWords(event)) return false;
  const hasStatus = STATUS_KEYS.some((key) => statusOf(event[key]) !== undefined);
  return hasStatus || isFilled(event.detail) || isFilled(event.errors);
}

function hasBareWords(value: Record<string, unknown>): boolean {
  const hasContent = ['type', 'choices', 'response', 'usage', 'id', 'object'].some((key) => value[key] !== undefined);
  return !hasContent && ['detail', 'errors', ...MESSAGE_KEYS].some((key) => isFilled(value[key]));
}

/** Tells whether a field has content: `null`, `""`, `{}` and `[]` do not. */
export function isFilled(value: unknown): boolean {
  if (isRecord(value)) return Object.keys(value).length > 0;
  return typeof value === 'string' ? value.trim() !== '' : value === true;
}

/** Gathers the parts of one complaint. Depth and number of parts are bounded, because a provider chooses both. */
class ComplaintReader {
  readonly #kinds: string[] = [];
  readonly #messages: string[] = [];
  #parts = 0;
  #field: string | undefined;
  #status: number | undefined;
  #retryAfterMs: number | undefined;

  read(value: unknown, depth: number): void {
    if (depth > MAX_DEPTH || this.#parts++ > MAX_PARTS) return;
    if (typeof value === 'string') this.#readText(value, depth);
    else if (Array.isArray(value)) for (const part of value.slice(0, MAX_PARTS)) this.read(part, depth + 1);
    else if (isRecord(value)) this.#readRecord(value, depth);
  }

  complaint(fallback: string): Complaint {
    return {
      kind: this.#kinds.join(' ').toLowerCase(),
      message: this.#messages.length > 0 ? this.#messages.join(': ') : fallback,
      ...(this.#field !== undefined && { field: this.#field }),
      ...(this.#status !== undefined && { status: this.#status }),
      ...(this.#retryAfterMs !== undefined && { retryAfterMs: this.#retryAfterMs }),
    };
  }

  #readText(text: string, depth: number): void {
    const inner = jsonIn(text);
    if (inner !== undefined) {
      this.read(inner, depth + 1);
      return;
    }
    // A message of one word, such as `rate_limit_exceeded`, is a code.
    if (/^[A-Za-z][\w.-]{2,60}$/.test(text)) this.#kinds.push(text);
    if (text.trim() !== '' && !this.#messages.some((known) => known.includes(text))) this.#messages.push(text);
  }

  #readRecord(value: Record<string, unknown>, depth: number): void {
    for (const key of KIND_KEYS) {
      const kind = value[key];
      const isWord = typeof kind === 'string' || (typeof kind === 'number' && key !== 'status');
      if (isWord && kind !== 'None') this.#kinds.push(String(kind));
    }
    for (const key of STATUS_KEYS) this.#status ??= statusOf(value[key]);
    this.#field ??= fieldOf(value);
    this.#retryAfterMs ??= waitMsOf(value);
    for (const key of NESTED_KEYS) this.read(value[key], depth + 1);
  }
}

function jsonIn(text: string): unknown {
  if (!/^\s*[[{]/.test(text)) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function statusOf(code: unknown): number | undefined {
  const status = typeof code === 'string' && /^\d{3}$/.test(code) ? Number(code) : code;
  return typeof status === 'number' && status >= 400 && status <= 599 ? status : undefined;
}

/** `param` of OpenAI, or `loc` of servers in Python: the path to the field. */
function fieldOf({ param, loc }: Record<string, unknown>): string | undefined {
  if (typeof param === 'string' && param !== 'None') return param;
  return Array.isArray(loc) && loc.length > 0 ? loc.slice(0, MAX_DEPTH).join('.') : undefined;
}

/** `retryDelay` of Gemini is a duration as text, such as `34.07s`. Others send a number of seconds. */
function waitMsOf({ retryDelay, retry_after, retry_after_ms }: Record<string, unknown>): number | undefined {
  const [, seconds = ''] = /^(\d+(?:\.\d+)?)s$/.exec(typeof retryDelay === 'string' ? retryDelay : '') ?? [];
  const waits = [seconds === '' ? undefined : Number(seconds) * 1000, retry_after_ms, secondsOf(retry_after) * 1000];
  return waits.find((wait): wait is number => typeof wait === 'number' && wait >= 0 && Number.isFinite(wait));
}

function secondsOf(told: unknown): number {
  const isTold = typeof told === 'number' || (typeof told === 'string' && told.trim() !== '');
  return isTold ? Number(told) : Number.NaN;
}
