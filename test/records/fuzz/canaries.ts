import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, readFile, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import type { Redis } from 'ioredis';

const OTHER = '{other}:records:task:kept';
/** Every access after this is later, so that the file system notes it. */
const UNREAD = new Date('2020-01-01');

/** Resources outside a deployment: a directory, a process, a host, keys in the same Redis. */
export class Canaries {
  readonly dir: string;
  /** A link to the directory, inside the root of the workspaces. */
  readonly link: string;
  readonly #process: ChildProcess;
  readonly #server: Server;
  readonly #redis: Redis;
  #connections = 0;
  /** Whether the file system notes when a file is read. */
  notesReads = false;

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
    const canaries = new Canaries(dir, link, server, redis);
    await canaries.#markUnread();
    await readFile(canaries.#file);
    canaries.notesReads = await canaries.#wasRead();
    await canaries.#markUnread();
    return canaries;
  }

  get pid(): number {
    return this.#process.pid ?? -1;
  }

  /** A host and port that the deployment never has to call. */
  get host(): string {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? `127.0.0.1:${address.port}` : 'none';
  }

  get #file(): string {
    return join(this.dir, 'kept.txt');
  }

  async #markUnread(): Promise<void> {
    await utimes(this.#file, UNREAD, UNREAD).catch(() => undefined); // harm() reports a missing file
  }

  async #wasRead(): Promise<boolean> {
    return (await stat(this.#file).catch(() => null))?.atimeMs !== UNREAD.getTime();
  }

  /** Returns the damage to any of them. */
  async harm(): Promise<string[]> {
    const wasRead = this.notesReads && (await this.#wasRead());
    const text = await readFile(this.#file, 'utf8').catch(() => 'gone');
    const linked = await readFile(join(this.link, 'kept.txt'), 'utf8').catch(() => 'gone');
    await this.#markUnread();
    const keys = await this.#redis.keys('{other}*');
    const kept = await this.#redis.hgetall(OTHER);
    return [
      ...(text === 'kept' ? [] : ['a file beside the deployment is gone']),
      ...(wasRead ? ['a file beside the deployment was read'] : []),
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
