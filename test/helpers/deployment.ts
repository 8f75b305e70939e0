import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { expect, onTestFinished } from 'vitest';
import type { Board } from '../../dashboards/board.ts';
import type { Toolset } from '../../src/agent/toolset.ts';
import { composeBoard } from '../../src/app/compose-board.ts';
import { composeProducer } from '../../src/app/compose-producer.ts';
import { toolsetsOfProgram } from '../../src/app/compose-toolsets.ts';
import { type RunningWorker, startWorker } from '../../src/app/compose-worker.ts';
import { type Config, loadConfig } from '../../src/app/config.ts';
import { redisOf } from '../../src/app/redis-settings.ts';
import { Redactor } from '../../src/base/secret.ts';
import type { Outcome } from '../../src/contract/outcome.ts';
import { type Environment, secretsIn } from '../../src/credentials/secrets.ts';
import { type ScriptInput, type Simulator, startSimulator } from '../../src/entries/simulator.ts';
import type { Producer } from '../../src/producer/producer.ts';
import type { RedisTarget } from '../../src/redis/target.ts';
import { createLog } from '../../src/telemetry/log.ts';
import type { Observer } from '../../src/telemetry/observer.ts';
import { expectNoSecret, freshPrefix, openRedis, redisUrl, workersHolding } from './redis.ts';

/** A whole deployment in this process: simulator, producer, and as many workers as are started. */
export type Deployment = {
  prefix: string;
  environment: Environment;
  settings: Record<string, unknown>;
  simulator: Simulator;
  producer: Producer;
  /** Every log line of every worker. */
  logs: string[];
  /** All messages of pub/sub. */
  events: string[];
  workspaceRoot: string;
  /** The planted secrets. Only the simulator's own log may contain them. */
  secrets: string[];
  /** `over` overrides settings of the worker, `settings` those of the deployment, section by section. */
  startWorker: (
    over?: Record<string, unknown>,
    settings?: Record<string, unknown>,
    observers?: readonly Observer[],
    toolsets?: readonly Toolset[],
  ) => Promise<RunningWorker>;
  startBoard: () => Promise<Board>;
  outcomesOf: (batchId: string) => Promise<Outcome[]>;
};

type DeploymentOptions = {
  /** @default a fresh one */
  prefix?: string;
  script?: ScriptInput;
  environment?: Environment;
  settings?: Record<string, unknown>;
  /** The own toolsets of every worker, unless `startWorker` gets others. */
  toolsets?: readonly Toolset[];
};

/** The number of characters of a planted secret that no other text has: its name, and at least six of its own. */
const TELLING_CHARS = 24;

function planted(name: string): string {
  return `planted-${name}-${randomBytes(12).toString('hex')}`;
}

/**
 * Starts a deployment of its own prefix and ends it with the test. Afterwards it looks for the planted secrets in
 * Redis, in the messages of pub/sub and in the logs, for open ledger rows, and for workspaces left behind.
 */
export async function aDeployment(options: DeploymentOptions = {}): Promise<Deployment> {
  const prefix = options.prefix ?? freshPrefix();
  const simulator = await startSimulator(options.script ? { script: options.script } : {});
  const workspaceRoot = await mkdtemp(join(tmpdir(), 'errand-workspaces-'));
  const secrets = {
    SIM_OPENAI_KEY: planted('openai'),
    SIM_ANTHROPIC_KEY: planted('anthropic'),
    SIM_LOCAL_KEY: planted('local'),
  };
  const environment = { ...secrets, ...options.environment };
  const given = secretsIn(environment);
  const settings = {
    redis_url: redisUrl(),
    prefix,
    providers: simulatedProviders(simulator.url),
    tasks: { backoff_ms: 20 },
    ...options.settings,
  };
  const configOf = (over: Record<string, unknown> = {}, sections: Record<string, unknown> = {}): Config => {
    const worker = {
      health_port: 0,
      health_host: '127.0.0.1',
      workspace_root: workspaceRoot,
      drain_grace_ms: 0,
      ...over,
    };
    return loadConfig(environment, { ...settings, ...sections, worker, board: { port: 0 } });
  };
  const workers: RunningWorker[] = [];
  const boards: Board[] = [];
  const logs: string[] = [];
  const target = redisOf(configOf(), given);
  const { events, allHeard } = await listenTo(prefix, target);
  const producer = composeProducer(configOf(), given);
  const deployment: Deployment = {
    prefix,
    environment,
    settings,
    simulator,
    producer,
    logs,
    events,
    workspaceRoot,
    secrets: Object.values(secrets),
    startWorker: async (over, sections, observers = [], toolsets = options.toolsets ?? []) => {
      const redactor = new Redactor();
      const output = new PassThrough().on('data', (chunk) => logs.push(String(chunk)));
      const log = createLog({ level: 'debug', isPretty: false, redactor, output });
      const worker = await startWorker(configOf(over, sections), {
        log,
        redactor,
        secrets: given,
        observers,
        toolsets: toolsetsOfProgram(toolsets),
      });
      workers.push(worker);
      return worker;
    },
    startBoard: async () => {
      const { board } = await composeBoard(configOf(), given);
      boards.push(board);
      return board;
    },
    outcomesOf: (batchId) => Array.fromAsync(producer.outcomes(batchId)),
  };
  onTestFinished(async () => {
    await Promise.all(boards.map((board) => board.close()));
    await Promise.all(workers.map((worker) => worker.drain()));
    await producer.close();
    await simulator.close();
    await allHeard();
    try {
      await expectNothingLeft(deployment, redisOf(configOf(), given));
    } finally {
      await rm(workspaceRoot, { recursive: true, force: true });
    }
  });
  return deployment;
}

/** Listens on every channel of the deployment. `allHeard` resolves once all earlier messages have arrived. */
async function listenTo(prefix: string, target: RedisTarget) {
  const redis = openRedis(target);
  const events: string[] = [];
  redis.on('pmessage', (_pattern, channel, message) => events.push(`${channel} ${message}`));
  await redis.psubscribe(`${prefix}:*`);
  return { events, allHeard: async () => void (await redis.ping().catch(() => undefined)) };
}

/** Providers over one simulator: each wire once, two chat providers, and one without a credential. */
export function simulatedProviders(url: string): Record<string, object> {
  return {
    openai: {
      wire: 'responses',
      base_url: `${url}/openai/v1`,
      credential: 'env:SIM_OPENAI_KEY',
      default_model: 'gpt-5.6-sol',
    },
    anthropic: {
      wire: 'messages',
      base_url: `${url}/anthropic`,
      credential: 'env:SIM_ANTHROPIC_KEY',
      default_model: 'claude-opus-5-5',
    },
    local: { wire: 'chat', base_url: `${url}/local/v1`, credential: 'env:SIM_LOCAL_KEY', default_model: 'local-1' },
    acme: { wire: 'chat', base_url: `${url}/acme/v1`, credential: 'env:ACME_API_KEY', default_model: 'acme-1' },
  };
}

async function expectNothingLeft(deployment: Deployment, url: RedisTarget): Promise<void> {
  const { prefix, secrets, logs, events, workspaceRoot } = deployment;
  for (const secret of secrets) {
    // The beginning of a key that was cut is a leak too.
    const beginning = secret.slice(0, TELLING_CHARS);
    await expectNoSecret(beginning, { prefix, url });
    expect(logs.join('')).not.toContain(beginning);
    expect(events.join('\n')).not.toContain(beginning);
  }
  expect(await workersHolding(prefix, url)).toEqual([]);
  expect((await readdir(workspaceRoot)).filter((name) => name !== '.guard')).toEqual([]);
}
