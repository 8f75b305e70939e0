import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

/** A process of the storm that nobody kills. It listens on loopback, and says on request what it has counted. */
export class CountingProcess<Tally> {
  readonly url: string;
  readonly #process: ChildProcess;

  private constructor(process: ChildProcess, url: string) {
    this.#process = process;
    this.url = url;
  }

  /** Starts a program of `processes/`; resolves when it listens. */
  static async start<Tally>(program: string, env: NodeJS.ProcessEnv): Promise<CountingProcess<Tally>> {
    const child = fork(join(import.meta.dirname, 'processes', `${program}.ts`), [], { env });
    const [url] = await once(child, 'message');
    return new CountingProcess(child, String(url));
  }

  /** What it has counted up to now. */
  async tally(): Promise<Tally> {
    const answer = once(this.#process, 'message');
    this.#process.send('tally');
    const [tally] = await answer;
    return tally as Tally; // both ends are files of the storm
  }

  /** Ends it; safe to repeat. */
  async close(): Promise<void> {
    if (!this.#process.connected) return;
    const exited = once(this.#process, 'exit');
    this.#process.disconnect();
    await exited;
  }

  /** Ends it without waiting, for a storm that is broken off. */
  abandon(): void {
    this.#process.kill('SIGKILL');
  }
}
