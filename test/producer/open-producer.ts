import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { inject, onTestFinished } from 'vitest';
import type { BatchInput } from '../../src/contract/batch.ts';
import { DEFAULT_LIMITS } from '../../src/contract/limits.ts';
import { Producer, type ProducerOptions } from '../../src/producer/producer.ts';
import type { RoutedProvider } from '../../src/routes/table.ts';
import { freshPrefix, targetAt } from '../helpers/redis.ts';

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

/** Starts a process that enqueues the batch, so that a test can kill it. */
export function startDoomed(batch: BatchInput, moment: 'before-adding' | 'from-outside', options: ProducerOptions) {
  const script = join(import.meta.dirname, '../fixtures/enqueue-until-killed.ts');
  const child = spawn(process.execPath, [script, moment, JSON.stringify(options)], {
    stdio: ['pipe', 'ignore', 'inherit'],
    env: { PATH: inject('path') },
  });
  child.stdin.end(JSON.stringify(batch));
  onTestFinished(() => void child.kill('SIGKILL'));
  return child;
}
