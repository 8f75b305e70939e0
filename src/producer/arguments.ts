import { quoted } from '../base/text.ts';
import { gotNamed } from '../contract/schema-words.ts';
import { ErrandError } from '../errors.ts';

/**
 * Returns the id in the first argument of a call: the argument itself, or its `batch_id`.
 * @throws ErrandError `NOT_FOUND` if it has no text as its id.
 */
export function idIn(given: unknown): string {
  const id = typeof given === 'object' && given !== null ? fieldOf(given, 'batch_id') : given;
  if (typeof id === 'string') return id;
  throw noId(id);
}

/**
 * Returns an id that has to be a text.
 * @throws ErrandError `NOT_FOUND` for anything else: no batch and no task has such an id.
 */
export function textIn(id: unknown): string {
  if (typeof id === 'string') return id;
  throw noId(id);
}

/** Returns the index of the first task to read, 0 without one. @throws ErrandError `USAGE_INVALID`. */
export function firstIndexIn(options: unknown): number {
  const from = optionIn(options, 'from') ?? 0;
  if (typeof from === 'number' && !Number.isNaN(from)) return Math.max(0, Math.ceil(from));
  throw unfit('from', 'the index of a task', from);
}

/** Returns the signal among options, if there is one. @throws ErrandError `USAGE_INVALID`. */
export function signalIn(options: unknown): AbortSignal | undefined {
  const signal = optionIn(options, 'signal') ?? undefined;
  if (signal === undefined || signal instanceof AbortSignal) return signal;
  throw unfit('signal', 'an AbortSignal', signal);
}

/** Returns the reason of a cancel as a text. @throws ErrandError `USAGE_INVALID` for a value that has no text. */
export function reasonIn(reason: unknown): string {
  if (reason === undefined || reason === null) return 'no reason given';
  try {
    return String(reason);
  } catch {
    throw unfit('reason', 'a text', reason);
  }
}

/** Returns a listener that can be called. @throws ErrandError `USAGE_INVALID`. */
export function listenerIn<T>(listener: T): T {
  if (typeof listener === 'function') return listener;
  throw unfit('listener', 'a function', listener);
}

function noId(got: unknown): ErrandError {
  return new ErrandError('NOT_FOUND', `expected the id of a batch or of a task, got ${gotNamed(got)}`);
}

/** Options that are not an object have no fields: only `null` and `undefined` may be left out. */
function optionIn(options: unknown, name: string): unknown {
  if (options === undefined || options === null) return undefined;
  if (typeof options === 'object') return fieldOf(options, name);
  throw unfit('options', 'an object', options);
}

/** A getter or a proxy that throws has no value. */
function fieldOf(given: object, name: string): unknown {
  try {
    return Reflect.get(given, name);
  } catch {
    throw new ErrandError('USAGE_INVALID', `${name}: expected a field that can be read`, { remedy: remedyOf(name) });
  }
}

function unfit(name: string, expected: string, got: unknown): ErrandError {
  const text = typeof got === 'string' ? quoted(got) : gotNamed(got);
  return new ErrandError('USAGE_INVALID', `${name}: expected ${expected}, got ${text}`, { remedy: remedyOf(name) });
}

function remedyOf(name: string): string {
  return `Correct ${name} in the call of the producer.`;
}
