import { z } from 'zod';
import { DEFAULT_LIMITS } from '../contract/limits.ts';
import { plainCopy, typeOf } from '../contract/plain-json.ts';
import { inWords } from '../contract/schema-words.ts';
import { ErrandError, isErrandError, messageOf } from '../errors.ts';
import type { Observer } from '../telemetry/observer.ts';
import { configInvalid } from './config-fault.ts';

const text = (what: string) =>
  z.string({ error: `expected ${what}` }).min(1, `expected ${what}, got an empty text; leave out the option instead`);
/** Receives an error. It may return a promise. */
type ErrorListener = (error: Error) => unknown;
const errorListener = z.custom<ErrorListener>((value) => typeof value === 'function', 'expected a function');

const observer = z.custom<Observer>(
  (value) => typeof Object(value).begin === 'function',
  'expected an observer, an object with a function `begin`',
);

const shared = {
  redis: text('an address as a text, such as redis://host:port').optional(),
  config: text('the name of a file').optional(),
  settings: z.record(z.string(), z.unknown(), 'expected an object of settings').optional(),
};

/** The options of `createProducer`. */
export const ProducerOptionsShape = z.strictObject({ ...shared, onError: errorListener.optional() });

/** The options of `createWorker`. */
export const WorkerOptionsShape = z.strictObject({
  ...shared,
  only: z.array(z.string()).optional(),
  concurrency: z.number().optional(),
  toolsets: z.array(z.unknown(), 'expected an array of toolsets').optional(),
  output: z
    .custom<NodeJS.WritableStream>((value) => typeof Object(value).write === 'function', 'expected a stream')
    .optional(),
  observers: z.array(observer, 'expected a list of observers').optional(),
});

const number = z.number('expected a number');

/** The options of `startSimulator`. */
export const SimulatorOptionsShape = z.strictObject({
  port: number.optional(),
  host: text('a host name or an address').optional(),
  script: z.unknown().optional(),
  logLimit: number.optional(),
});

/** The options of a library call as variables, and as settings that override the configuration file. */
export type OptionSettings = { environment: Record<string, string>; overrides: Record<string, unknown> };

/**
 * Checks the options of a library call and returns them. Unknown names are refused, because an option with a spelling
 * mistake would be ignored silently.
 *
 * @throws ErrandError `CONFIG_INVALID` with every problem.
 */
export function optionsIn<S extends z.ZodType>(shape: S, given: unknown): z.output<S> {
  const parsed = readable(() => shape.safeParse(given, inWords('option')));
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(({ path, message }) => ({ path: path.join('.') || 'options', message }));
  throw configInvalid(problems, 'Correct the options of the call.');
}

/**
 * Reads the options that name a configuration. @throws ErrandError `CONFIG_INVALID` for settings that are not plain
 * JSON.
 */
export function settingsIn({
  redis,
  config,
  settings = {},
}: Omit<z.output<typeof ProducerOptionsShape>, 'onError'>): OptionSettings {
  const reading = plainCopy(settings, DEFAULT_LIMITS);
  if (reading.status === 'refused') throw configInvalid(reading.problems, 'Correct the option "settings" of the call.');
  const overrides = { ...Object(reading.value), ...(redis !== undefined && { redis_url: redis }) };
  return { environment: config === undefined ? {} : { ERRAND_CONFIG: config }, overrides };
}

/**
 * Warns about a listener that throws, if the program has no `onError`. Lost connections need no warning: the calls
 * fail.
 */
function warnOfListener(error: Error): void {
  if (isErrandError(error, 'USAGE_INVALID')) process.emitWarning(error);
}

/**
 * Wraps the `onError` of a program so that it neither throws nor rejects: an error in it must not end the process. Its
 * errors become warnings of the process.
 */
export function guarded(onError: ErrorListener = warnOfListener): (error: Error) => void {
  return (error) => {
    const warn = (cause: unknown) => process.emitWarning(onErrorFailed(error, cause));
    try {
      void Promise.resolve(onError(error)).catch(warn);
    } catch (cause) {
      warn(cause);
    }
  };
}

function onErrorFailed(heard: Error, cause: unknown): ErrandError {
  const message = `onError threw an error for "${messageOf(heard)}": ${messageOf(cause)}`;
  return new ErrandError('USAGE_INVALID', message, { cause, remedy: 'Catch errors in onError.' });
}

/** Reads options. A getter or a proxy in them may throw anything. */
function readable<T>(read: () => T): T {
  try {
    return read();
  } catch (cause) {
    const remedy = 'Pass a plain object.';
    throw new ErrandError('CONFIG_INVALID', `expected options that can be read, got ${typeOf(cause)}`, {
      cause,
      remedy,
    });
  }
}
