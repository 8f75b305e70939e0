import { ErrandError, isErrandError } from '../errors.ts';

/** How long a tool may take to stop after its signal aborts. */
const STOP_WITHIN_MS = 1_000;

/**
 * Runs a tool under its own signal, which aborts with the signal of the caller or when the limit has passed.
 *
 * If the tool stops, the call ends with an ordinary error that names the limit. If it does not stop, it is abandoned,
 * because it may never end.
 *
 * @throws ErrandError `CHILD_TOOL_TIMED_OUT` if the tool did not stop; the signal's reason; or what the tool throws.
 */
export async function runWithin<T>(
  { name, limitMs, signal }: { name: string; limitMs: number; signal: AbortSignal },
  run: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  signal.throwIfAborted();
  const stopping = new AbortController();
  const unresponsive = Promise.withResolvers<never>();
  let grace: NodeJS.Timeout | undefined;
  const stop = (reason: unknown) => {
    stopping.abort(reason);
    grace ??= setTimeout(
      () => unresponsive.reject(signal.aborted ? signal.reason : didNotStop(name, limitMs)),
      STOP_WITHIN_MS,
    );
  };
  const leave = () => stop(signal.reason);
  signal.addEventListener('abort', leave, { once: true });
  const limit = setTimeout(() => stop(new Error(`timed out after ${limitMs / 1000} s`)), limitMs);
  try {
    return await Promise.race([run(stopping.signal), unresponsive.promise]);
  } catch (error) {
    const isOurs = isErrandError(error, 'CHILD_TOOL_TIMED_OUT') || !stopping.signal.aborted;
    throw isOurs ? error : stopping.signal.reason;
  } finally {
    clearTimeout(limit);
    clearTimeout(grace);
    signal.removeEventListener('abort', leave);
  }
}

function didNotStop(name: string, limitMs: number): ErrandError {
  return new ErrandError(
    'CHILD_TOOL_TIMED_OUT',
    `${name} timed out after ${limitMs / 1000} s and ignored its abort signal for ${STOP_WITHIN_MS / 1000} s`,
  );
}
