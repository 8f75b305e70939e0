import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { ChatCompletionRequest, LLMock } from '@copilotkit/aimock';
import { composeProducer } from '../../src/app/compose-producer.ts';
import { startWorker } from '../../src/app/compose-worker.ts';
import { type Config, loadConfig, processEnvironment } from '../../src/app/config.ts';
import { startEmbeddedRedis } from '../../src/app/embedded-redis/embedded-redis.ts';
import { Redactor } from '../../src/base/secret.ts';
import type { Outcome } from '../../src/contract/outcome.ts';
import { secretsIn } from '../../src/credentials/secrets.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { ENDPOINTS, KEY, settingsOf } from './endpoint.ts';

/** A kind of task in the batch: what aimock answers, and what its outcome must say. */
type Kind = { name: string; answer: (mock: LLMock, goal: string) => void; expected: Ended };

/** The compared fields of an outcome. */
type Ended = {
  status: string;
  text: string | null;
  code: string | null;
  attempts: (string | undefined)[];
  turns: number;
};

/** A task with an unexpected outcome. */
export type Missed = { task: string; expected: Ended; ended: Ended };

const FILES = ['a.txt', 'b.txt'];

function results({ messages }: ChatCompletionRequest): { content: string } {
  const texts = messages.flatMap(({ role, content }) => (role === 'tool' ? [String(content)] : []));
  return { content: texts.join(' ') };
}

const KINDS: Kind[] = [
  {
    name: 'writes two files at once',
    answer: (mock, goal) => {
      const toolCalls = FILES.map((path) => ({ name: 'write_file', arguments: { path, content: 'twelve bytes' } }));
      mock.on({ userMessage: goal, hasToolResult: false }, { toolCalls });
      mock.on({ userMessage: goal, hasToolResult: true }, results);
    },
    expected: {
      status: 'succeeded',
      text: 'Wrote 12 bytes to a.txt. Wrote 12 bytes to b.txt.',
      code: null,
      attempts: ['succeeded'],
      turns: 2,
    },
  },
  {
    name: 'meets a rate limit',
    answer: (mock, goal) => {
      const limited = {
        error: { message: 'Rate limit reached.', type: 'rate_limit_error' },
        status: 429,
        retryAfter: 1,
      };
      mock.on({ userMessage: goal, sequenceIndex: 0 }, limited);
      mock.on({ userMessage: goal, sequenceIndex: 1 }, { content: 'After the limit.' });
    },
    expected: {
      status: 'succeeded',
      text: 'After the limit.',
      code: null,
      attempts: ['deferred', 'succeeded'],
      turns: 1,
    },
  },
  {
    name: 'is cut off once',
    answer: (mock, goal) => {
      const cut = { chunkSize: 5, truncateAfterChunks: 4 };
      mock.on({ userMessage: goal, sequenceIndex: 0 }, { content: 'This never arrives as a whole.' }, cut);
      mock.on({ userMessage: goal, sequenceIndex: 1 }, { content: 'Whole.' });
    },
    expected: { status: 'succeeded', text: 'Whole.', code: null, attempts: ['failed', 'succeeded'], turns: 1 },
  },
  {
    name: 'is refused',
    answer: (mock, goal) => {
      mock.on(
        { userMessage: goal },
        { error: { message: 'No such field.', type: 'invalid_request_error' }, status: 400 },
      );
    },
    expected: {
      status: 'failed',
      text: null,
      code: 'PROVIDER_REFUSED_REQUEST',
      attempts: ['failed'],
      turns: 0,
    },
  },
];

/**
 * Runs one batch through a real worker on a Redis of its own: each kind of task on each endpoint. Returns the tasks with
 * an unexpected outcome.
 */
export async function runWorker(mock: LLMock): Promise<{ tasks: number; missed: Missed[] }> {
  const planned = ENDPOINTS.flatMap((endpoint) =>
    KINDS.map((kind) => ({ endpoint, kind, goal: `${kind.name}, on ${endpoint}.` })),
  );
  for (const { kind, goal } of planned) kind.answer(mock, goal);
  const tasks = planned.map(({ goal, endpoint }) => ({ goal, provider: endpoint, toolsets: ['workspace' as const] }));
  const dir = await mkdtemp(join(tmpdir(), 'errand-aimock-'));
  const path = processEnvironment().PATH ?? '';
  const redis = await startEmbeddedRedis({ dir, path, isRoot: process.getuid?.() === 0 });
  try {
    const outcomes = await outcomesOf(configOf(mock.url, redis.url, dir), tasks);
    const judged = planned.map(({ kind: { expected }, goal }, at) => ({
      task: goal,
      expected,
      ended: endOf(outcomes[at]),
    }));
    return { tasks: tasks.length, missed: judged.filter(({ expected, ended }) => !isDeepStrictEqual(expected, ended)) };
  } finally {
    await redis.close();
    await rm(dir, { recursive: true, force: true });
  }
}

function configOf(mockUrl: string, redisUrl: string, dir: string): Config {
  const providers = Object.fromEntries(ENDPOINTS.map((endpoint) => [endpoint, settingsOf(endpoint, mockUrl)]));
  const health = { health_port: 0, health_host: '127.0.0.1' };
  const worker = { name: 'checked', ...health, workspace_root: join(dir, 'work'), drain_grace_ms: 0 };
  return loadConfig(
    { ERRAND_CONFIG: '/dev/null' },
    { redis_url: redisUrl, providers, tasks: { backoff_ms: 20 }, worker },
  );
}

type PlannedTask = { goal: string; provider: string; toolsets: 'workspace'[] };

/** Runs the tasks as one batch and returns their outcomes once it has settled. */
async function outcomesOf(config: Config, tasks: PlannedTask[]): Promise<Outcome[]> {
  const redactor = new Redactor();
  const log = createLog({ level: 'error', isPretty: false, redactor, output: process.stderr });
  const secrets = secretsIn({ CHECK_KEY: KEY.reveal() });
  const worker = await startWorker(config, { log, redactor, secrets });
  const producer = composeProducer(config, secrets);
  try {
    const { batch_id: batchId } = await producer.enqueue({ tasks });
    await producer.settled(batchId, { signal: AbortSignal.timeout(60_000) });
    return await Array.fromAsync(producer.outcomes(batchId));
  } finally {
    await worker.drain();
    await producer.close();
  }
}

function endOf(outcome: Outcome | undefined): Ended {
  if (outcome === undefined) return { status: 'none', text: null, code: null, attempts: [], turns: 0 };
  const { status, attempts, turns } = outcome;
  const text = outcome.status === 'succeeded' ? outcome.answer.text : null;
  const code = 'failure' in outcome ? outcome.failure.code : null;
  return { status, text, code, attempts: attempts.map(({ ended }) => ended), turns };
}
