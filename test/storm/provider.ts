import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { CallTally } from './calls.ts';

const PROGRAM = join(import.meta.dirname, 'processes/simulator.ts');

/** The simulator of a storm, in a process of its own that nobody kills. */
export class Provider {
  readonly url: string;
  readonly #process: ChildProcess;

  private constructor(process: ChildProcess, url: string) {
    this.#process = process;
    this.url = url;
  }

  static async start(env: NodeJS.ProcessEnv): Promise<Provider> {
    const child = fork(PROGRAM, [], { env });
    const [url] = await once(child, 'message');
    return new Provider(child, String(url));
  }

  /** What it has counted up to now. */
  async tally(): Promise<CallTally> {
    const answer = once(this.#process, 'message');
    this.#process.send('tally');
    const [tally] = await answer;
    return tally as CallTally; // both ends are files of the storm
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
