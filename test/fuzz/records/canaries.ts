import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import type { Redis } from 'ioredis';

const OTHER = '{other}:records:task:kept';

/** Resources outside a deployment: a directory, a process, a host, keys in the same Redis. */
export class Canaries {
  readonly dir: string;
  /** A link to the directory, inside the root of the workspaces. */
  readonly link: string;
  readonly #process: ChildProcess;
  readonly #server: Server;
  readonly #redis: Redis;
  #connections = 0;

  private constructor(dir: string, link: string, server: Server, redis: Redis) {
    this.dir = dir;
    this.link = link;
    this.#server = server;
    this.#redis = redis;
    this.#process = spawn('sleep', ['3600'], { stdio: 'ignore' });
    server.on('connection', (socket) => {
      this.#connections++;
      socket.destroy();
    });
  }

  /** Creates all of them. */
  static async place(base: string, workspaceRoot: string, redis: Redis): Promise<Canaries> {
    const dir = join(base, 'canary');
    await mkdir(dir);
    await mkdir(workspaceRoot, { recursive: true });
    await writeFile(join(dir, 'kept.txt'), 'kept');
    const link = join(workspaceRoot, 'link');
    await symlink(dir, link);
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    await redis.hset(OTHER, { epoch: '1', data: 'kept' });
    return new Canaries(dir, link, server, redis);
  }

  get pid(): number {
    return this.#process.pid ?? -1;
  }

  /** A host and port that the deployment never has to call. */
  get host(): string {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? `127.0.0.1:${address.port}` : 'none';
  }

  /** Returns the damage to any of them. */
  async harm(): Promise<string[]> {
    const text = await readFile(join(this.dir, 'kept.txt'), 'utf8').catch(() => 'gone');
    const linked = await readFile(join(this.link, 'kept.txt'), 'utf8').catch(() => 'gone');
    const keys = await this.#redis.keys('{other}*');
    const kept = await this.#redis.hgetall(OTHER);
    return [
      ...(text === 'kept' ? [] : ['a file beside the deployment is gone']),
      ...(linked === 'kept' ? [] : ['a link among the workspaces is gone']),
      ...(this.#process.exitCode === null && this.#process.signalCode === null
        ? []
        : ['a process beside the deployment has ended']),
      ...(this.#connections === 0 ? [] : [`a host beside the deployment was called ${this.#connections} times`]),
      ...(keys.length === 1 && kept.data === 'kept' && kept.epoch === '1'
        ? []
        : ['keys of another prefix have changed']),
    ];
  }

  /** Removes them. */
  async remove(): Promise<void> {
    this.#process.kill('SIGKILL');
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
