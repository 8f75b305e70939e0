import type { LoggedRequest, Simulator } from '../../src/entries/simulator.ts';

/** Resolves once `count` requests have come to the given phase. */
export function requestsIn(simulator: Simulator, phase: 'received' | 'ended', count: number): Promise<LoggedRequest[]> {
  const seen: LoggedRequest[] = [];
  const { promise, resolve } = Promise.withResolvers<LoggedRequest[]>();
  simulator.onRequest((request, now) => {
    if (now === phase && seen.push(request) === count) resolve(seen);
  });
  return promise;
}

/** Resolves once `count` requests of that turn have come in. */
export function turnsReached(simulator: Simulator, turn: number, count: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  let seen = 0;
  simulator.onRequest((request, phase) => {
    if (phase === 'received' && request.turn === turn && ++seen === count) resolve();
  });
  return promise;
}
