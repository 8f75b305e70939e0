import { EXIT } from './exit-code.ts';

/**
 * How long a second signal is taken for the first: one Ctrl-C under npm arrives twice, from the terminal and from npm,
 * which forwards it.
 */
const SAME_PRESS_MS = 500;

/**
 * Listens for SIGINT and SIGTERM. The signal aborts at the first one, which asks to stop; a second one ends the process
 * at once, with status 130.
 */
export function onStop(): AbortSignal {
  const controller = new AbortController();
  let askedAt = 0;
  const stop = () => {
    if (!controller.signal.aborted) {
      askedAt = performance.now();
      controller.abort();
    } else if (performance.now() - askedAt > SAME_PRESS_MS) {
      process.exit(EXIT.interrupted);
    }
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  return controller.signal;
}

/** Resolves once the signal aborts. */
export function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
