/** The maximum number of calls of one turn that run at the same time. */
const MAX_TOGETHER = 8;

type Job<R> = (signal: AbortSignal) => Promise<R>;

/** The calls of one turn. `isRead`: the call changes nothing. `run` gets the place of a call in the turn, from 0. */
export type TurnCalls<C, R> = {
  calls: readonly C[];
  isRead: (call: C) => boolean;
  run: (call: C, at: number, signal: AbortSignal) => Promise<R>;
};

/** The place of a call in its task: `<turn>.<number in the turn>`, both from 1. It is the same in every attempt. */
export function placeOf(turn: number, at: number): string {
  return `${turn}.${at + 1}`;
}

/**
 * Runs the calls of one turn and returns their results in the order of the calls. Consecutive reads run together, at
 * most 8 at a time. Any other call runs alone in its order: a model may write a file and read it in one turn.
 *
 * If a call rejects, no further call starts, and the signal of the calls beside it aborts. All calls have ended before
 * this function rejects.
 *
 * @throws the error of the first call that rejects.
 */
export async function runTurn<C, R>({ calls, isRead, run }: TurnCalls<C, R>, signal: AbortSignal): Promise<R[]> {
  const results: R[] = [];
  while (results.length < calls.length) {
    const from = results.length;
    const other = calls.findIndex((call, at) => at >= from && !isRead(call));
    const end = Math.max(from + 1, other < 0 ? calls.length : other);
    const jobs = calls.slice(from, end).map(
      (call, at): Job<R> =>
        (live) =>
          run(call, from + at, live),
    );
    results.push(...(await together(jobs, signal)));
  }
  return results;
}

async function together<R>(jobs: readonly Job<R>[], signal: AbortSignal): Promise<R[]> {
  const ending = new AbortController();
  const live = AbortSignal.any([signal, ending.signal]);
  const results: R[] = [];
  const waiting = jobs.entries();
  const lane = async () => {
    for (const [at, job] of waiting) {
      live.throwIfAborted();
      results[at] = await job(live);
    }
  };
  const lanes = Array.from({ length: Math.min(MAX_TOGETHER, jobs.length) }, lane);
  await Promise.all(lanes.map((ended) => ended.catch((error: unknown) => ending.abort(error))));
  ending.signal.throwIfAborted();
  return results;
}
