import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { expect, inject, onTestFinished } from 'vitest';
import type { BatchInput } from '../../src/contract/batch.ts';
import { DEFAULT_LIMITS } from '../../src/contract/limits.ts';
import { Producer } from '../../src/producer/producer.ts';
import type { ProducerOptions } from '../../src/producer/producer-options.ts';
import type { RoutedProvider } from '../../src/routes/table.ts';
import { BUILT_IN_TOOLSETS } from '../../src/tools/names.ts';
import { freshPrefix, redisUrl, targetAt } from '../helpers/redis.ts';
import { openWay } from '../helpers/way-to-redis.ts';

/** The options of a producer of the suite's Redis that knows two providers. */
export function optionsOf(options: Partial<ProducerOptions> = {}): ProducerOptions {
  return {
    redis: targetAt(),
    prefix: options.prefix ?? freshPrefix(),
    routing: {
      providers: { openai: routed('gpt'), anthropic: routed('claude') },
      delegation: { provider: 'openai' },
      precedence: 'strict',
    },
    toolsets: BUILT_IN_TOOLSETS,
    limits: DEFAULT_LIMITS,
    tries: 3,
    backoffMs: 1_000,
    ingestTimeoutMs: 600_000,
    retentionSeconds: 1_000,
    connectWithinMs: 3_000,
    onError: () => undefined,
    ...options,
  };
}

/** The part of a provider that decides a route; its models take any effort, clamped. */
export function routed(defaultModel?: string): RoutedProvider {
  return { default_model: defaultModel, wire: 'chat', effort_policy: 'clamp', efforts: {} };
}

/** Opens a producer that is closed after the test. */
export function openProducer(options: ProducerOptions = optionsOf()): Producer {
  const producer = new Producer(options);
  onTestFinished(() => producer.close());
  return producer;
}

/** As many small tasks as asked, on two lanes by turns. */
export function tasksOf(count: number): { goal: string; provider: string }[] {
  return Array.from({ length: count }, (_, index) => ({
    goal: `case ${index}`,
    provider: index % 2 === 0 ? 'openai' : 'anthropic',
  }));
}

/** Enqueues the batch in a process of its own, and kills that process when it sends the first command with this text. */
export async function enqueueUntil(text: string, batch: BatchInput, options: ProducerOptions): Promise<void> {
  const way = await openWay(redisUrl(), { holdAt: text });
  const script = join(import.meta.dirname, '../fixtures/enqueue-until-killed.ts');
  const doomed = spawn(process.execPath, [script, JSON.stringify({ ...options, redis: targetAt(way.url) })], {
    stdio: ['pipe', 'ignore', 'inherit'],
    env: { PATH: inject('path') },
  });
  onTestFinished(() => void doomed.kill('SIGKILL'));
  const exited = once(doomed, 'exit');
  doomed.stdin.end(JSON.stringify(batch));
  await Promise.race([way.held, exited]);
  doomed.kill('SIGKILL');
  expect(await exited).toEqual([null, 'SIGKILL']);
}
