import { expect, onTestFinished, test } from 'vitest';
import { measureSpeed } from '../../bench/bench.ts';
import { sourceOf } from '../../bench/compiled.ts';
import { figuresOf, mediansOf, spreadOf } from '../../bench/report.ts';
import { openStage } from '../../bench/stage.ts';

const TASKS = 3;

test('every contender does all tasks of a round, with the same request', async () => {
  const stage = await openStage(sourceOf);
  onTestFinished(stage.close);
  const speed = await measureSpeed(stage, { tasks: TASKS, rounds: 1 });
  for (const [round, ...others] of Object.values(speed)) {
    expect(others).toEqual([]);
    expect(round?.tasksPerS).toBeGreaterThan(0);
    expect(round?.cpuMs).toBeGreaterThan(0);
  }

  const response = await fetch(`${stage.simulatorUrl}/_sim/requests?limit=${4 * TASKS}`);
  const { requests } = (await response.json()) as { requests: { body: string }[] };
  const [errand, plain, plainSameCall, pool] = [0, 1, 2, 3].map((place) =>
    requests
      .slice(place * TASKS, (place + 1) * TASKS)
      .map(({ body }) => JSON.parse(body) as { stream: boolean; input: unknown })
      .sort((a, b) => JSON.stringify(a).localeCompare(JSON.stringify(b))),
  );
  expect(errand).toMatchObject(Array.from({ length: TASKS }, () => ({ stream: true, reasoning: { effort: 'low' } })));
  expect(plain).toEqual(errand);
  expect(plainSameCall).toEqual(errand);
  expect(pool).toEqual(errand);
});

test('the median of an even number of figures lies between the middle two', () => {
  expect(spreadOf([4, 1, 3, 2])).toEqual({ median: 2.5, min: 1, max: 4 });
  expect(spreadOf([10, 9, 1])).toEqual({ median: 9, min: 1, max: 10 });
});

test('a ratio is taken round by round, and memory per task above the process at rest', () => {
  const rounds = (...speeds: number[]) => speeds.map((tasksPerS) => ({ tasksPerS, cpuMs: 1, redisBytes: 1 }));
  const memory = [{ base: 100 * 2 ** 20, peak: 300 * 2 ** 20, inFlight: 1000 }];
  const figures = figuresOf({
    errand: rounds(80, 40, 90),
    plain: rounds(100, 50, 200),
    plainSameCall: rounds(80, 80, 90),
    pool: rounds(160, 80, 180),
    memory,
    memoryOfStreams: memory,
  });
  expect(mediansOf(figures)).toMatchObject({
    tasks_per_s: 80,
    ratio_to_plain_bullmq: 0.8,
    ratio_to_plain_bullmq_same_call: 1,
    ratio_to_pool: 0.5,
    cpu_ms_per_task: 1,
    redis_bytes_per_task: 1,
    rss_kb_per_task_in_flight: 205,
    rss_mb_at_1000_in_flight: 300,
  });
});
