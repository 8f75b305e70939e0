import { quoted } from '../base/text.ts';
import type { Problem } from '../errors.ts';

/** The maximum of tasks at a time in each lane of a worker. */
export const MAX_CONCURRENCY = 5_000;

/** What a command line or a program may choose for one worker, over its configuration. */
export type WorkerChoice = { only?: string[] | undefined; concurrency?: number | undefined };

/** Lays the choices that are made over the section `worker` of settings. */
export function overWorker(settings: Record<string, unknown>, choice: WorkerChoice): Record<string, unknown> {
  const chosen = {
    ...(choice.only !== undefined && { only: choice.only }),
    ...(choice.concurrency !== undefined && { concurrency: choice.concurrency }),
  };
  const { worker } = settings;
  if (Object.keys(chosen).length === 0) return settings;
  return { ...settings, worker: typeof worker === 'object' ? { ...worker, ...chosen } : chosen };
}

/** Returns a problem for each provider in `worker.only` that this deployment does not have, or that is named twice. */
export function problemsOfOnly(only: readonly string[] = [], providers: readonly { name: string }[]): Problem[] {
  const known = providers.map(({ name }) => name).toSorted();
  return only.flatMap((name, at) => {
    const path = `worker.only.${at}`;
    if (only.indexOf(name) < at) return [{ path, message: `expected each provider once, got ${quoted(name)} again` }];
    if (known.includes(name)) return [];
    return [{ path, message: `expected one of ${known.join(', ')}, got ${quoted(name)}` }];
  });
}
