import type { LoggedRequest } from '../../src/entries/simulator.ts';
import { isHangAskedFor, tagIn } from './workload.ts';

/** What the provider saw: calls answered whole, faults that were met, and by tag how often a turn was answered again. */
export type CallTally = { answered: number; faults: number; paidTwice: [tag: string, times: number][] };

/** Counts model calls on the side of the provider, which knows nothing of what Errand has on record. */
export class Calls {
  readonly #answersOf = new Map<string, number>();
  readonly #hangsOf = new Set<string>();
  #faults = 0;

  /** Takes note of a request that has ended. */
  note({ body, turn, status, ended }: Readonly<LoggedRequest>): void {
    const tag = tagIn(body);
    if (tag === null) return;
    const key = `${tag}#${turn}`;
    if (ended === 'complete' && status === 200) this.#answersOf.set(key, (this.#answersOf.get(key) ?? 0) + 1);
    else if (ended !== 'client_closed' || this.#isFirstHang(key, body, turn)) this.#faults++;
  }

  tally(): CallTally {
    const again = new Map<string, number>();
    let answered = 0;
    for (const [key, answers] of this.#answersOf) {
      answered += answers;
      const tag = key.slice(0, key.indexOf('#'));
      if (answers > 1) again.set(tag, (again.get(tag) ?? 0) + answers - 1);
    }
    return { answered, faults: this.#faults, paidTwice: [...again] };
  }

  /** A client that left was hung on by us, or it died: a hang is directed once, and holds for the first call of its turn. */
  #isFirstHang(key: string, body: string, turn: number): boolean {
    if (!isHangAskedFor(body, turn) || this.#hangsOf.has(key)) return false;
    this.#hangsOf.add(key);
    return true;
  }
}
