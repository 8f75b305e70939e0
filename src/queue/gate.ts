import { ErrorCode, type Job, type Queue } from 'bullmq';
import { ErrandError } from '../errors.ts';

type GateData = { sealed: boolean; total?: number };

/** The id of the gate job of a batch. */
export function gateIdOf(batchId: string): string {
  return `${batchId}-gate`;
}

/**
 * Finds the gate of a batch. `timeoutMs`: how long it stays shut while the producer is silent.
 * @throws ErrandError `ENQUEUE_INCOMPLETE` if it opened so long ago that it was removed.
 */
export async function findGate(gates: Queue, batchId: string, timeoutMs: number): Promise<Gate> {
  const job: Job<GateData> | undefined = await gates.getJob(gateIdOf(batchId));
  if (!job) throw tooLate(batchId, timeoutMs);
  return new Gate(job, batchId, timeoutMs);
}

/**
 * A delayed job that holds a large batch until all tasks are added. It opens by itself after its producer was silent
 * for too long. A task that is added after that may be too late for its batch, so a gate is sealed only while it is
 * shut.
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

  /** Whether all tasks of the batch are added. */
  get isSealed(): boolean {
    return this.#job.data.sealed;
  }

  /** Restarts the time of the producer. @throws ErrandError `ENQUEUE_INCOMPLETE` if the gate is open. */
  async keepShut(): Promise<void> {
    await this.#whileShut(this.#job.changeDelay(this.#timeoutMs));
  }

  /** Records that all tasks are added. @throws ErrandError `ENQUEUE_INCOMPLETE` if the gate opened before that. */
  async seal(total: number): Promise<void> {
    await this.keepShut();
    await this.#whileShut(this.#job.updateData({ sealed: true, total }));
  }

  /** Opens a sealed gate. A worker may have opened it already; the batch is complete, so that does no harm. */
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

/** Rethrows an error, unless BullMQ reports that the gate is no longer delayed or was removed after it had opened. */
function assertOpen(error: unknown): void {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code !== ErrorCode.JobNotInState && code !== ErrorCode.JobNotExist) throw error;
}

function tooLate(batchId: string, timeoutMs: number, cause?: unknown): ErrandError {
  const message = `batch ${batchId} started without the tasks that were not added: its producer was silent for ${timeoutMs / 1000} s`;
  return new ErrandError('ENQUEUE_INCOMPLETE', message, { cause });
}
