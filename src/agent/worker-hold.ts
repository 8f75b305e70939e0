import type { Hold } from './resource.ts';

/** What a worker holds for several attempts. It holds as an attempt does. */
export interface WorkerHold {
  /** The holder id of the worker, in place of a task id. */
  readonly taskId: string;
  /** Counts the holds of the worker, from 1. */
  readonly epoch: number;
  /** Acquires resources. They are released by {@link WorkerHold.end}, or by another worker if this one dies. */
  readonly hold: Hold;
  /** Releases everything, the last one first, and closes the rows. Never throws. */
  end(): Promise<void>;
}

/** Opens a hold of the worker. */
export type HoldForWorker = () => WorkerHold;
