import { ErrorCode, type Job, type Queue } from 'bullmq';
import { ErrandError } from '../errors.ts';

type GateData = { sealed: boolean; total?: number };

/** The id of the gate job of a batch. */
export function gateIdOf(batchId: string): string {
  return `${batchId}-gate`;
}

/**
 * Finds the gate of a batch. `timeoutMs`: how long it stays shut for a producer that is silent.
 * @throws ErrandError `ENQUEUE_INCOMPLETE` where it opened so long ago that it is gone.
 */
export async function findGate(gates: Queue, batchId: string, timeoutMs: number): Promise<Gate> {
  const job: Job<GateData> | undefined = await gates.getJob(gateIdOf(batchId));
  if (!job) throw tooLate(batchId, timeoutMs);
  return new Gate(job, batchId, timeoutMs);
}

/**
 * What a large batch waits for beside its tasks: a delayed job, which opens by itself once its producer is silent for
 * too long. What is added behind an open gate may be too late for its batch, so a gate is sealed only while it is shut.
 */
class Gate {
  readonly #job: Job<GateData>;
  readonly #batchId: string;
  readonly #timeoutMs: number;

  constructor(job: Job<GateData>, batchId: string, timeoutMs: number) {
    this.#job = job;
    this.#batchId = batchId;
    this.#timeoutMs = timeoutMs;
  }

  /** Whether all tasks of the batch are in. */
  get isSealed(): boolean {
    return this.#job.data.sealed;
  }

  /** Gives the producer the whole time again. @throws ErrandError `ENQUEUE_INCOMPLETE` where the gate is open. */
  async keepShut(): Promise<void> {
    await this.#whileShut(this.#job.changeDelay(this.#timeoutMs));
  }

  /** Notes that all tasks are in. @throws ErrandError `ENQUEUE_INCOMPLETE` where the gate opened before they were. */
  async seal(total: number): Promise<void> {
    await this.keepShut();
    await this.#whileShut(this.#job.updateData({ sealed: true, total }));
  }

  /** Opens a sealed gate. Its batch is whole, so it does not matter who else opened it meanwhile. */
  async open(): Promise<void> {
    await this.#job.promote().catch(assertOpen);
  }

  async #whileShut(change: Promise<void>): Promise<void> {
    try {
      await change;
    } catch (error) {
      assertOpen(error);
      throw tooLate(this.#batchId, this.#timeoutMs, error);
    }
  }
}

/** Lets pass what BullMQ says of a gate that is no longer delayed, or was removed after it had opened. */
function assertOpen(error: unknown): void {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code !== ErrorCode.JobNotInState && code !== ErrorCode.JobNotExist) throw error;
}

function tooLate(batchId: string, timeoutMs: number, cause?: unknown): ErrandError {
  const message = `batch ${batchId} started without the tasks that were not added: its producer was silent for ${timeoutMs / 1000} s`;
  return new ErrandError('ENQUEUE_INCOMPLETE', message, { cause });
}
