import { quoted } from '../base/text.ts';
import type { Problem } from '../errors.ts';

/** The maximum number of tasks at a time in each lane of a worker. */
export const MAX_CONCURRENCY = 5_000;

/** Settings that a command line or a program may set for one worker, over its configuration. */
export type WorkerChoice = { only?: string[] | undefined; concurrency?: number | undefined };

/** Overrides the section `worker` of settings with the given choices. */
export function overWorker(settings: Record<string, unknown>, choice: WorkerChoice): Record<string, unknown> {
  const chosen = {
    ...(choice.only !== undefined && { only: choice.only }),
    ...(choice.concurrency !== undefined && { concurrency: choice.concurrency }),
  };
  const { worker } = settings;
  if (Object.keys(chosen).length === 0) return settings;
  return { ...settings, worker: typeof worker === 'object' ? { ...worker, ...chosen } : chosen };
}

/** Returns the first provider in a list that this deployment does not have, or that is repeated. */
export function wrongProvider(only: readonly string[], known: readonly string[]): WrongProvider | null {
  const at = only.findIndex((name, index) => !known.includes(name) || only.indexOf(name) < index);
  const name = only[at];
  return name === undefined ? null : { at, name, isRepeated: known.includes(name) };
}

/** A refused provider of a list, with its index. */
export type WrongProvider = { at: number; name: string; isRepeated: boolean };

/** Returns the problem of `worker.only`, or an empty list. */
export function problemsOfOnly(only: readonly string[] = [], providers: readonly { name: string }[]): Problem[] {
  const known = providers.map(({ name }) => name).toSorted();
  const wrong = wrongProvider(only, known);
  if (!wrong) return [];
  const expected = wrong.isRepeated ? 'each provider once' : `one of ${known.join(', ')}`;
  const got = `${quoted(wrong.name)}${wrong.isRepeated ? ' again' : ''}`;
  return [{ path: `worker.only.${wrong.at}`, message: `expected ${expected}, got ${got}` }];
}
