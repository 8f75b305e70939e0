import type { Held } from './conversation-run.ts';
import type { System } from './system.ts';

const TIME = '2026-11-22T00:00:00.000Z';

/** Builds the outcome of a conversation as the worker does. */
function outcomeOf(system: System, { error, text, checkpoints, effects }: Held): unknown {
  const answer = { text, files: [] };
  const redactor = new system.Redactor();
  const end =
    error === undefined
      ? { status: 'succeeded' as const }
      : {
          status: 'failed' as const,
          failure: system.failureOf(system.errorOf(error, new AbortController().signal), redactor),
        };
  const attempt = {
    epoch: 1,
    worker: 'w1',
    turns_before: 0,
    started_at: TIME,
    ended_at: TIME,
    ended: error === undefined ? ('succeeded' as const) : ('failed' as const),
  };
  const facts = {
    taskId: 'task',
    batchId: 'batch',
    index: 0,
    route: null,
    attempts: [attempt],
    checkpoints,
    effects,
    cutSpends: new Map(),
    isUnreadable: false,
    answer,
    bounds: { maxCostOf: () => null, maxInputTokens: null },
  };
  return system.outcomeOf(end, facts);
}

/** The records of a conversation, and the records that cannot be read again. */
export type Written = { checkpoints: string[]; outcome: string; unreadable: string[] };

type Schema = { safeParse(value: unknown): { success: boolean; error?: unknown } };

/** Writes the records of a worker, and reads them again. */
export function readBack(system: System, held: Held): Written {
  const unreadable: string[] = [];
  const written = (what: string, schema: Schema, value: () => unknown): string[] => {
    try {
      const text = JSON.stringify(value());
      const { success, error } = schema.safeParse(JSON.parse(text));
      if (!success) unreadable.push(`${what}: ${String(error).replaceAll(/\s+/g, ' ').slice(0, 300)}`);
      return [text];
    } catch (error) {
      unreadable.push(`${what}: ${String(error).slice(0, 300)}`);
      return [];
    }
  };
  for (const call of held.effects) written('an effect', system.EffectCall, () => call);
  const [outcome = ''] = written('the outcome', system.Outcome, () => outcomeOf(system, held));
  const checkpoints = held.checkpoints.flatMap((checkpoint) =>
    written('a checkpoint', system.Checkpoint, () => checkpoint),
  );
  return { checkpoints, outcome, unreadable };
}
