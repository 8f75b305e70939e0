import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { askRedis } from '../../src/app/embedded-redis/ask.ts';
import { findRedisBinary } from '../../src/app/embedded-redis/binary.ts';
import { openHome, type RedisHome } from '../../src/app/embedded-redis/home.ts';
import { launchRedis } from '../../src/app/embedded-redis/server.ts';
import { monotonicMs, sleep } from '../../src/base/clock.ts';

const READY_WITHIN_MS = 15_000;

/** The Redis of a storm, configured as the product configures its own, that can be killed and paused. */
export class RedisUnderFire {
  readonly port: number;
  readonly #binary: string;
  readonly #home: RedisHome;
  #process: ChildProcess;

  private constructor(binary: string, home: RedisHome, port: number, process: ChildProcess) {
    this.#binary = binary;
    this.#home = home;
    this.port = port;
    this.#process = process;
  }

  /** Starts the server with its data in `dir`. @throws ErrandError `REDIS_UNSUITABLE`. */
  static async start(dir: string, path: string): Promise<RedisUnderFire> {
    const binary = await findRedisBinary({ path, isRoot: false, log: () => undefined });
    const home = await openHome(dir);
    const { port, process } = await launchRedis(binary, home, path);
    return new RedisUnderFire(binary, home, port, process);
  }

  /** Kills the server, and starts it again on the same port and data after `downMs`; resolves when it answers. */
  async kill(downMs: number): Promise<void> {
    await this.#end('SIGKILL');
    await sleep(downMs);
    this.#process = spawn(this.#binary, [this.#home.configFile], { cwd: this.#home.dir, env: {}, stdio: 'ignore' });
    const deadline = monotonicMs() + READY_WITHIN_MS;
    while (!(await askRedis(this.port, 'PING', 1_000))?.startsWith('+PONG')) {
      if (monotonicMs() > deadline) throw new Error(`Redis did not come back within ${READY_WITHIN_MS} ms`);
      await sleep(20);
    }
  }

  /** Freezes the server for `forMs`. */
  async pause(forMs: number): Promise<void> {
    this.#process.kill('SIGSTOP');
    await sleep(forMs);
    this.#process.kill('SIGCONT');
  }

  /** Ends the server; resolves when it is gone. */
  async close(): Promise<void> {
    await this.#end('SIGTERM');
  }

  /** Ends the server without waiting, for a storm that is broken off. */
  abandon(): void {
    this.#process.kill('SIGKILL');
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#process;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill(signal);
    await exited;
  }
}
