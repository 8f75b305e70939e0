import type { Evidence } from '../contract/cleanup.ts';

/** The result of a release: how certain it is that the resource is gone, and the details. */
export type Released = { evidence: Evidence; detail: string };

/** The names in a row of the ledger: its task and attempt, its own id, and the reference of the resource. */
export type RowNames = { taskId: string; epoch: number; rowId: string; ref: string };

/**
 * A kind of resource, and how to release it. A release is an idempotent function of the reference: the attempt that
 * acquired the resource and a worker that cleans up after a dead worker run the same code.
 */
export interface ResourceKind<Live = unknown> {
  /** Its name in the ledger and in the cleanup record. */
  readonly kind: string;
  /**
   * Whether a resource can outlive the process that acquired it. If so, other workers release it only if the process is
   * proven dead, and its row is written before and after it is acquired.
   */
  readonly outlivesProcess: boolean;
  /** Returns the last part of the id of its rows. @default the reference */
  rowName?(ref: string): string;
  /**
   * Says why a row must not be acted on, or `null` if its reference follows from the other names and the configuration.
   * Rows come from Redis, and a writer of Redis must not be able to name a resource outside the deployment.
   * @default the reference must be `<task id>.<epoch>`, or begin with it and a dot
   */
  doubt?(row: RowNames): string | null;
  /** Releases the resource. `live` is the acquired value; it is absent if its process has died. */
  release(ref: string, live: Live | undefined, row: RowNames): Promise<Released>;
}

/**
 * A resource to acquire. `ref` names it before it exists, so that a crash leaves a name in the ledger. `live` returns
 * the part of the acquired value that its release needs.
 */
export type Resource<T> = {
  kind: string;
  ref: string;
  acquire: () => T | Promise<T>;
  live?: (value: T) => unknown;
  /**
   * Returns a reference that says more, such as a pid, once the resource exists. The id of its row must stay the same.
   * Only for kinds that outlive their process.
   */
  refOf?: (value: T) => string;
};

/** Acquires resources in order, each with a row in the ledger, and returns their values by name. */
export type Hold = <T extends Record<string, unknown>>(resources: { [K in keyof T]: Resource<T[K]> }) => Promise<T>;
