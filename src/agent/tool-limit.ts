import { ErrandError, isErrandError } from '../errors.ts';

/** How long a tool that was told to stop may take to do so. */
const STOP_WITHIN_MS = 1_000;

/**
 * Runs a tool under a signal of its own, which aborts with the caller's or once the limit is passed.
 *
 * A tool that heeds the signal ends the call with an ordinary error that names the limit; one that does not is left
 * behind, because waiting for it could last for ever.
 *
 * @throws ErrandError `CHILD_TOOL_TIMED_OUT` where the tool did not stop, the signal's reason, or what the tool throws.
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
