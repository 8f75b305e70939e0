import type { CleanupStep } from '../contract/cleanup.ts';
import type { Fact, Step, StepEnd, Work } from './step.ts';

/** Ends a step with its result. {@link Observer.begin} returns it. */
export type End = (end: StepEnd) => void;

/**
 * Observes every step of a worker. `begin` is called when a step begins, and the function that it returns is called
 * when the step ends. Both calls are synchronous, so the step waits for them.
 */
export interface Observer {
  begin(step: Step): (end: StepEnd) => void;
}

/** The end of a step that an observer ignores. */
export const unobserved: End = () => undefined;

const DONE: StepEnd = { status: 'done' };

const done = (): StepEnd => DONE;

/** Reports a fact: a step that ends at once. */
export function note(observer: Observer, fact: Fact): void {
  observer.begin(fact)(DONE);
}

/**
 * Runs the work of a step. The step ends with `endOf(value)`, by default `done`; if the work rejects, it ends as
 * `failed`.
 */
export function during<T>(
  observer: Observer,
  step: Work,
  work: () => Promise<T>,
  endOf: (value: T) => StepEnd = done,
): Promise<T> {
  const end = observer.begin(step);
  // Most steps are unobserved: each of them saves a promise.
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
 * Combines observers into one. An error of one observer reaches neither the step nor the other observers. `report` gets
 * the first error of each observer.
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

/**
 * Wraps an observer so that its errors do no harm. It may come from a program without types, so its results are
 * checked.
 */
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
