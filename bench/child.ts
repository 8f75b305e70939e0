import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { processEnvironment } from '../src/app/config.ts';
import type { Question, Reading } from './protocol.ts';

/** The variable with the key that all contenders send. Only the processes of the bench have it. */
export const KEY_VARIABLE = 'BENCH_API_KEY';

/** A process of the bench, started and ended by the runner, and asked one question at a time. */
export class Child {
  readonly #process: ChildProcess;
  /** The first message of the process, sent when it is ready. */
  readonly greeting: unknown;

  private constructor(process: ChildProcess, greeting: unknown) {
    this.#process = process;
    this.greeting = greeting;
  }

  /**
   * Starts the program `file` with `argument` in the directory `cwd`; resolves when it says that it is ready.
   *
   * `flags` are those of Node. It inherits only the PATH, so that no setting of the caller changes a figure.
   */
  static async start(file: string, argument: object, cwd: string, flags: string[] = []): Promise<Child> {
    const env = { PATH: processEnvironment().PATH, [KEY_VARIABLE]: 'sk-bench-0123456789abcdefghijklmnop' };
    const process = fork(file, [JSON.stringify(argument)], { cwd, env, execArgv: flags });
    return new Child(process, await nextMessage(process));
  }

  /** What the process used since it started, with the peaks since the reading before. */
  async reading(): Promise<Reading> {
    // Both ends are files of the bench.
    return (await this.#ask({ ask: 'reading' })) as Reading;
  }

  /** Makes the process work through goals; resolves when it is done. */
  async run(goals: string[]): Promise<void> {
    await this.#ask({ ask: 'run', goals });
  }

  /** Ends the process; resolves when it is gone. */
  async stop(): Promise<void> {
    const exited = once(this.#process, 'exit');
    this.#process.disconnect();
    await exited;
  }

  #ask(question: Question): Promise<unknown> {
    const answer = nextMessage(this.#process);
    this.#process.send(question);
    return answer;
  }
}

async function nextMessage(process: ChildProcess): Promise<unknown> {
  const ended = new AbortController();
  const end = () => ended.abort(new Error(`${process.spawnfile} ended before it answered: ${process.spawnargs[1]}`));
  process.once('exit', end);
  try {
    const [message] = await once(process, 'message', { signal: ended.signal });
    return message;
  } catch (error) {
    throw ended.signal.aborted ? ended.signal.reason : error;
  } finally {
    process.off('exit', end);
  }
}
