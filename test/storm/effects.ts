import { appendFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { Outcome } from '../../src/contract/outcome.ts';

/** The variable that names the file of effects to the servers of the storm. */
export const EFFECTS_FILE = 'STORM_EFFECTS';

/** Notes an effect in the file of effects, in the process of the server that has it. */
export function noteEffect(name: string): void {
  appendFileSync(process.env[EFFECTS_FILE] ?? '', `${name}\n`);
}

/** How often each effect has happened, by the files of the servers. */
export async function effectsIn(file: string): Promise<Map<string, number>> {
  const happened = new Map<string, number>();
  const lines = await readFile(file, 'utf8').catch(() => '');
  for (const name of lines.split('\n').filter(Boolean)) happened.set(name, (happened.get(name) ?? 0) + 1);
  return happened;
}

/** An effect that a task asked for, and what is on record of the task. */
export type AskedEffect = { effect: string; outcome: Pick<Outcome, 'status' | 'interrupted_effects'> };

/** What became of the effects that tasks asked for. */
export type EffectsTally = {
  /** Those that happened at all. */
  happened: number;
  /** Those that happened more than once. */
  repeated: string[];
  /** Those of tasks that succeeded, which neither happened nor are listed as interrupted. */
  unreported: string[];
  /** How many calls the outcomes list as interrupted. */
  interrupted: number;
};

/** Holds what the servers have on file against the outcome of each task that asked for an effect. */
export function tallyEffects(happened: ReadonlyMap<string, number>, asked: readonly AskedEffect[]): EffectsTally {
  const isUnreported = ({ effect, outcome }: AskedEffect) =>
    outcome.status === 'succeeded' && !happened.has(effect) && !outcome.interrupted_effects?.length;
  return {
    happened: happened.size,
    repeated: [...happened].filter(([, times]) => times > 1).map(([name]) => name),
    unreported: asked.filter(isUnreported).map(({ effect }) => effect),
    interrupted: asked.reduce((sum, { outcome }) => sum + (outcome.interrupted_effects?.length ?? 0), 0),
  };
}
