import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { BatchInput, BatchStatus, BatchSummary, Receipt } from '../../src/contract/batch.ts';
import type { Outcome } from '../../src/contract/outcome.ts';
import type { Tree } from './tree.ts';

const PROGRAM = join(import.meta.dirname, 'processes/producer.ts');

/** A request to a producer in another process. */
export type Question =
  | { call: 'enqueue'; input: BatchInput }
  | { call: 'status' | 'settled' | 'outcomes' | 'cancel'; batchId: string };

type Answer = { number: number; result?: unknown; error?: string };

/** A producer of one version, in its own process. A call that fails rejects with the code and message of its error. */
export class RemoteProducer {
  readonly #process: ChildProcess;
  readonly #open = new Map<number, PromiseWithResolvers<unknown>>();
  #asked = 0;

  private constructor(child: ChildProcess) {
    this.#process = child;
    child.on('message', ({ number, result, error }: Answer) => {
      const waiting = this.#open.get(number);
      this.#open.delete(number);
      if (error === undefined) waiting?.resolve(result);
      else waiting?.reject(new Error(error));
    });
    child.once('exit', () => {
      for (const waiting of this.#open.values()) waiting.reject(new Error('the producer ended'));
    });
  }

  static async start({ dir }: Tree, settings: object, env: NodeJS.ProcessEnv): Promise<RemoteProducer> {
    const child = fork(PROGRAM, [dir, JSON.stringify(settings)], { env });
    await once(child, 'message');
    return new RemoteProducer(child);
  }

  enqueue(input: BatchInput): Promise<Receipt> {
    return this.#ask<Receipt>({ call: 'enqueue', input });
  }

  status(batchId: string): Promise<BatchStatus> {
    return this.#ask<BatchStatus>({ call: 'status', batchId });
  }

  settled(batchId: string): Promise<BatchSummary> {
    return this.#ask<BatchSummary>({ call: 'settled', batchId });
  }

  outcomes(batchId: string): Promise<Outcome[]> {
    return this.#ask<Outcome[]>({ call: 'outcomes', batchId });
  }

  cancel(batchId: string): Promise<object> {
    return this.#ask<object>({ call: 'cancel', batchId });
  }

  close(): void {
    this.#process.kill('SIGKILL');
  }

  async #ask<R>(question: Question): Promise<R> {
    const number = ++this.#asked;
    const waiting = Promise.withResolvers<unknown>();
    this.#open.set(number, waiting);
    this.#process.send({ number, question });
    return (await waiting.promise) as R; // the reader of the other version has parsed it
  }
}
