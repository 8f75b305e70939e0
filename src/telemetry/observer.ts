import type { CleanupStep } from '../contract/cleanup.ts';
import type { Fact, Step, StepEnd, Work } from './step.ts';

/** What {@link Observer.begin} returns: ends the step, with what came of it. */
export type End = (end: StepEnd) => void;

/**
 * Sees every step of a worker: `begin` is called as a step begins, and what it returns as that step ends. Both are called
 * synchronously, so the step waits for them.
 */
export interface Observer {
  begin(step: Step): (end: StepEnd) => void;
}

/** The end of a step for an observer that does not want to know. */
export const unobserved: End = () => undefined;

const DONE: StepEnd = { status: 'done' };

const done = (): StepEnd => DONE;

/** Reports a fact: a step that ends at once. */
export function note(observer: Observer, fact: Fact): void {
  observer.begin(fact)(DONE);
}

/** Does the work of a step. It ends as `done`, or as `endOf` says of the value; if the work rejects, it ends as `failed`. */
export function during<T>(
  observer: Observer,
  step: Work,
  work: () => Promise<T>,
  endOf: (value: T) => StepEnd = done,
): Promise<T> {
  const end = observer.begin(step);
  // Most steps are unobserved, and a task has fourteen: each saves a promise.
  return end === unobserved ? work() : endedBy(end, work, endOf);
}

async function endedBy<T>(end: End, work: () => Promise<T>, endOf: (value: T) => StepEnd): Promise<T> {
  try {
    const value = await work();
    end(endOf(value));
    return value;
  } catch (error) {
    end({ status: 'failed', error });
    throw error;
  }
}

/** Returns the end of a step that released a resource, or left it open. */
export function endOfCleanup(step: CleanupStep): StepEnd {
  return { status: step.status === 'released' ? 'released' : 'left_open', step };
}

/**
 * Makes one observer of many. What one of them throws reaches neither the step nor the others: `report` hears of it, once for
 * each observer.
 */
export function observers(list: readonly Observer[], report: (error: unknown) => void): Observer {
  const harmless = list.map((observer) => new Harmless(observer, report));
  return {
    begin(step) {
      let all = unobserved;
      for (const observer of harmless) {
        const end = observer.begin(step);
        if (end !== unobserved) all = all === unobserved ? end : both(all, end);
      }
      return all;
    },
  };
}

/** A function of its own: most steps end unobserved, and a closure in `begin` would cost each of them its memory. */
function both(first: End, second: End): End {
  return (result) => {
    first(result);
    second(result);
  };
}

/** An observer whose faults harm nothing. It may come from a program of any kind, so what it returns is not trusted. */
class Harmless implements Observer {
  readonly #observer: Observer;
  readonly #report: (error: unknown) => void;
  #isReported = false;

  constructor(observer: Observer, report: (error: unknown) => void) {
    this.#observer = observer;
    this.#report = report;
  }

  begin(step: Step): End {
    try {
      const end = this.#observer.begin(step);
      if (end === unobserved) return unobserved;
      if (typeof end === 'function') return this.#harmless(end);
      this.#catch(end);
    } catch (error) {
      this.#note(error);
    }
    return unobserved;
  }

  #harmless(end: End): End {
    return (result) => {
      try {
        this.#catch(end(result));
      } catch (error) {
        this.#note(error);
      }
    };
  }

  /** An async function fits the type of an observer, and its rejection would end the process. */
  #catch(returned: unknown): void {
    if (returned instanceof Promise) returned.catch((error: unknown) => this.#note(error));
  }

  #note(error: unknown): void {
    if (this.#isReported) return;
    this.#isReported = true;
    this.#report(error);
  }
}
