import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { composeProducer } from '../../../src/app/compose-producer.ts';
import { loadConfig, processEnvironment } from '../../../src/app/config.ts';
import { sleep } from '../../../src/base/clock.ts';
import { secretsIn } from '../../../src/credentials/secrets.ts';
import type { Producer } from '../../../src/producer/producer.ts';
import { CountingProcess } from '../../storm/counting-process.ts';
import { RedisUnderFire } from '../../storm/redis-under-fire.ts';
import { HostileHost } from './hostile-host.ts';

/** The prefix of the keys of the deployment. */
export const PREFIX = '{fuzz}';
const READY_WITHIN_MS = 30_000;

/** The correct providers, by wire. The hostile provider speaks all three. */
export const GOOD = { steady: 'chat', solid: 'responses', sound: 'messages', stable: 'chat' } as const;
export const HOSTILE = {
  'hostile-chat': 'chat',
  'hostile-responses': 'responses',
  'hostile-messages': 'messages',
} as const;

/** How late an event loop was, and how long it was busy from one tick to the next, in milliseconds. */
export type Delays = Record<'late' | 'busy', { p50: number; p99: number; max: number }>;

/** The worker runs with the flags of the image, which decide how much memory young objects take. */
const FLAGS = ['--max-semi-space-size=16'];

/** A worker of `errand worker` in its own process, with all that it needs to run. */
export class Stage {
  readonly dir: string;
  readonly hostile: HostileHost;
  readonly producer: Producer;
  readonly #redis: RedisUnderFire;
  readonly #provider: CountingProcess<unknown>;
  readonly #worker: ChildProcess;
  readonly #peer: ChildProcess | null;
  readonly #healthUrl: string;

  private constructor(
    parts: Pick<Stage, 'dir' | 'hostile' | 'producer'> & {
      redis: RedisUnderFire;
      provider: CountingProcess<unknown>;
      worker: ChildProcess;
      peer: ChildProcess | null;
      healthUrl: string;
    },
  ) {
    this.dir = parts.dir;
    this.hostile = parts.hostile;
    this.producer = parts.producer;
    this.#redis = parts.redis;
    this.#provider = parts.provider;
    this.#worker = parts.worker;
    this.#peer = parts.peer;
    this.#healthUrl = parts.healthUrl;
  }

  /**
   * Starts Redis, both providers and the worker of the tree, and a second worker if `hasPeer`. Resolves once the worker takes
   * tasks.
   */
  static async open(seed: number, tree: string, { hasPeer = false } = {}): Promise<Stage> {
    const dir = await mkdtemp(join(tmpdir(), 'errand-fuzz-'));
    const path = processEnvironment().PATH ?? '';
    const env = { PATH: path, FUZZ_KEY: 'sk-fuzz-0123456789abcdef', FUZZ_DELAYS: join(dir, 'delays.json') };
    const redis = await RedisUnderFire.start(dir, path);
    const provider = await CountingProcess.start('simulator', env);
    const hostile = await HostileHost.start(seed);
    const settings = settingsOf({ port: redis.port, good: provider.url, hostile: hostile.url, dir });
    const configFile = join(dir, 'errand.config.json');
    await writeFile(configFile, JSON.stringify(settings));
    const log = await open(join(dir, 'worker.log'), 'a');
    const probe = join(import.meta.dirname, '../processes/delay-probe.ts');
    const worker = spawn(process.execPath, [...FLAGS, '--import', probe, join(tree, 'src/cli.ts'), 'worker'], {
      env: { ...env, ERRAND_CONFIG: configFile },
      stdio: ['ignore', log.fd, log.fd],
    });
    const peerFile = join(dir, 'peer.config.json');
    const peerSettings = { ...settings, worker: { ...settings.worker, name: 'peer', health_port: 0 } };
    if (hasPeer) await writeFile(peerFile, JSON.stringify(peerSettings));
    const peer = hasPeer
      ? spawn(process.execPath, [...FLAGS, join(tree, 'src/cli.ts'), 'worker'], {
          env: { ...env, ERRAND_CONFIG: peerFile },
          stdio: ['ignore', log.fd, log.fd],
        })
      : null;
    await log.close();
    const producer = composeProducer(loadConfig({ ...env, ERRAND_CONFIG: configFile }), secretsIn({}));
    const healthUrl = `http://127.0.0.1:${settings.worker.health_port}`;
    const stage = new Stage({ dir, hostile, producer, redis, provider, worker, peer, healthUrl });
    const deadline = Date.now() + READY_WITHIN_MS;
    while (!(await stage.isReady())) {
      if (Date.now() > deadline || worker.exitCode !== null) throw new Error(`the worker is not ready; see ${dir}`);
      await sleep(50);
    }
    // The delay of the start does not count.
    worker.kill('SIGUSR2');
    return stage;
  }

  get redisUrl(): string {
    return `redis://127.0.0.1:${this.#redis.port}`;
  }

  get workerPid(): number {
    return this.#worker.pid ?? -1;
  }

  get peerPid(): number {
    return this.#peer?.pid ?? -1;
  }

  /** Whether the worker reports that it takes tasks, and its peer has not ended. */
  async isReady(): Promise<boolean> {
    if (this.#peer && (this.#peer.exitCode !== null || this.#peer.signalCode !== null)) return false;
    const answer = await fetch(`${this.#healthUrl}/readyz`).catch(() => null);
    return answer?.status === 200;
  }

  /** The memory of the worker in MiB, now and at its maximum so far, read from `/proc`. */
  async memoryMiB(): Promise<{ now: number; peak: number }> {
    const status = await readFile(`/proc/${this.#worker.pid}/status`, 'utf8').catch(() => '');
    const read = (name: string) => Math.round(Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1]) / 1024);
    return { now: read('VmRSS'), peak: read('VmHWM') };
  }

  /** Drains the worker. Resolves with the measurement of its probe. */
  async drain(): Promise<Delays> {
    if (this.#worker.exitCode === null && this.#worker.signalCode === null) {
      const exited = once(this.#worker, 'exit');
      this.#worker.kill('SIGTERM');
      await exited;
    }
    return JSON.parse(await readFile(join(this.dir, 'delays.json'), 'utf8'));
  }

  /** Ends all processes that still run, and removes the directory unless it must be kept. */
  async close({ isKept }: { isKept: boolean }): Promise<void> {
    await this.producer.close();
    for (const worker of [this.#worker, this.#peer]) {
      if (worker && worker.exitCode === null && worker.signalCode === null) worker.kill('SIGKILL');
    }
    await this.hostile.close();
    await this.#provider.close();
    await this.#redis.close();
    if (!isKept) await rm(this.dir, { recursive: true, force: true });
  }
}

type Places = { port: number; good: string; hostile: string; dir: string };

function settingsOf({ port, good, hostile, dir }: Places) {
  const provider = { credential: 'env:FUZZ_KEY', default_model: 'fuzz-1' };
  const entries = [
    ...Object.entries(GOOD).map(
      ([name, wire]) => [name, { ...provider, wire, base_url: addressOf(good, wire) }] as const,
    ),
    ...Object.entries(HOSTILE).map(([name, wire]) => {
      const timeouts = { headers_ms: 1_000, first_token_ms: 1_000, idle_ms: 1_000, turn_ms: 5_000 };
      return [name, { ...provider, wire, timeouts, base_url: addressOf(`${hostile}/${wire}`, wire) }] as const;
    }),
  ];
  return {
    redis_url: `redis://127.0.0.1:${port}`,
    prefix: PREFIX,
    providers: Object.fromEntries(entries),
    tasks: { tries: 2, backoff_ms: 50 },
    worker: {
      name: 'fuzzed',
      concurrency: 8,
      health_host: '127.0.0.1',
      health_port: 20_000 + (process.pid % 20_000),
      workspace_root: join(dir, 'workspaces'),
      log_level: 'warn',
      drain_grace_ms: 500,
    },
  };
}

function addressOf(url: string, wire: string): string {
  return wire === 'messages' ? url : `${url}/v1`;
}
