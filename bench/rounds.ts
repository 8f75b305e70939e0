import type { Contender } from './contender.ts';
import { infoOf, type Stage } from './stage.ts';

/** The figures of one contender in one round. CPU time and bytes left in Redis are per task. */
export type Round = { tasksPerS: number; cpuMs: number; redisBytes: number };

/** Returns `count` different goals; `directive` says how the simulator answers. */
export function goalsOf(count: number, directive = ''): string[] {
  return Array.from({ length: count }, (_, index) => `Say what is special about the number ${index}. ${directive}`);
}

/** Runs `tasks` tasks through a contender, from an empty Redis. */
export async function runRound(contender: Contender, { redis }: Stage, tasks: number): Promise<Round> {
  await redis.flushall('SYNC');
  const bytesBefore = Number(await infoOf(redis, 'used_memory'));
  await contender.prepare(goalsOf(tasks));
  const { cpuMs } = await contender.process.reading();
  const start = performance.now();
  await contender.run();
  const seconds = (performance.now() - start) / 1000;
  const after = await contender.process.reading();
  return {
    tasksPerS: tasks / seconds,
    cpuMs: (after.cpuMs - cpuMs) / tasks,
    redisBytes: (Number(await infoOf(redis, 'used_memory')) - bytesBefore) / tasks,
  };
}

/**
 * Runs the contenders in turns, so that changes of the machine's speed affect all alike. The first turn warms up and is
 * not counted. Returns the rounds of each contender, in its order.
 */
export async function runRounds<Name extends string>(
  contenders: Record<Name, Contender>,
  stage: Stage,
  { tasks, rounds }: { tasks: number; rounds: number },
): Promise<Record<Name, Round[]>> {
  const names = Object.keys(contenders) as Name[];
  const taken = Object.fromEntries(names.map((name) => [name, []])) as unknown as Record<Name, Round[]>;
  for (let turn = 0; turn <= rounds; turn++) {
    for (const name of names) {
      const round = await runRound(contenders[name], stage, tasks);
      if (turn > 0) taken[name].push(round);
    }
  }
  return taken;
}
