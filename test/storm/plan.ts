import { Random } from './random.ts';

/** One thing done to the deployment. A `slot` is one of the workers; `aim`, from 0 to 1, says which task is hit. */
export type Action =
  | { kind: 'enqueue'; batch: number }
  | { kind: 'kill'; slot: number }
  | { kind: 'stop'; slot: number; forMs: number }
  | { kind: 'redis_kill'; forMs: number }
  | { kind: 'redis_pause'; forMs: number }
  | { kind: 'proxy_slow'; delayMs: number; forMs: number }
  | { kind: 'proxy_cut' }
  | { kind: 'proxy_black_hole'; forMs: number }
  | { kind: 'cancel'; isWholeBatch: boolean; aim: number };

/** An action and its time since the start. */
export type PlannedAction = { atMs: number; action: Action };

type Gap = { fromMs: number; toMs: number };

/**
 * Gaps between the actions of one kind. Kills are rare beside a turn (under 300 ms), so that hardly any task meets three in a
 * row; a stop outlasts the lock of 2 s; ten minutes hold over 200 kills, 30 stops and 5 faults of Redis.
 */
const GAPS = {
  enqueue: { fromMs: 3_500, toMs: 5_000 },
  kill: { fromMs: 1_200, toMs: 2_800 },
  stop: { fromMs: 7_000, toMs: 13_000 },
  redis: { fromMs: 20_000, toMs: 40_000 },
  proxy: { fromMs: 4_000, toMs: 9_000 },
  cancel: { fromMs: 400, toMs: 1_600 },
} satisfies Record<string, Gap>;

/** Everything a storm of this seed does, in order of time. The same seed and length give the same plan. */
export function planStorm(seed: number, durationMs: number, slots: number): PlannedAction[] {
  const series = (name: keyof typeof GAPS, make: (random: Random, count: number) => Action): PlannedAction[] => {
    const random = new Random(`${seed}/${name}`);
    const { fromMs, toMs } = GAPS[name];
    const planned: PlannedAction[] = [];
    // The first of each kind comes after half a gap, so that a short storm has some of all.
    let atMs = name === 'enqueue' ? 0 : random.whole(fromMs, toMs) / 2;
    for (; atMs < durationMs; atMs += random.whole(fromMs, toMs)) {
      planned.push({ atMs, action: make(random, planned.length) });
    }
    return planned;
  };
  const slotOf = (random: Random) => random.whole(0, slots - 1);
  return [
    ...series('enqueue', (_, batch) => ({ kind: 'enqueue', batch })),
    ...series('kill', (random) => ({ kind: 'kill', slot: slotOf(random) })),
    ...series('stop', (random) => ({ kind: 'stop', slot: slotOf(random), forMs: random.whole(2_500, 4_500) })),
    ...series('redis', (random, count) =>
      count % 2 === 0
        ? { kind: 'redis_kill', forMs: random.whole(100, 2_000) }
        : { kind: 'redis_pause', forMs: random.whole(1_000, 4_000) },
    ),
    ...series('proxy', proxyFault),
    ...series('cancel', (random) => ({ kind: 'cancel', isWholeBatch: random.chance(0.02), aim: random.next() })),
  ].sort((a, b) => a.atMs - b.atMs);
}

function proxyFault(random: Random): Action {
  const forMs = random.whole(1_000, 3_000);
  const delayMs = random.whole(50, 300);
  const roll = random.next();
  if (roll < 0.4) return { kind: 'proxy_slow', delayMs, forMs };
  return roll < 0.8 ? { kind: 'proxy_cut' } : { kind: 'proxy_black_hole', forMs };
}
