import type { Evidence } from '../contract/cleanup.ts';

/** The result of a release: how sure we are that the resource is gone, and what was seen. */
export type Released = { evidence: Evidence; detail: string };

/** What a row of the ledger names: its task and attempt, its own id, and the reference of the resource. */
export type RowNames = { taskId: string; epoch: number; rowId: string; ref: string };

/**
 * A kind of resource, and how one is released. A release is an idempotent function of the reference: the same code serves
 * the attempt that acquired the resource and the worker that cleans up after a dead one.
 */
export interface ResourceKind<Live = unknown> {
  /** Its name in the ledger and in the cleanup record. */
  readonly kind: string;
  /**
   * Whether a resource can outlive the process that acquired it. Others release it only if the process is proven dead, and
   * its row is written before it is acquired, and again after.
   */
  readonly outlivesProcess: boolean;
  /** Whether the ids of its rows end in a number from 1 instead of the reference, because references contain the id. */
  readonly isNumbered?: boolean;
  /** Returns the last part of the id of its rows. @default the reference */
  rowName?(ref: string): string;
  /**
   * Says why a row must not be acted on, or `null` if its reference follows from the other names and the configuration.
   * Rows come from Redis, and a writer of Redis must not be able to name a resource outside the deployment.
   * @default the reference must be `<task id>.<epoch>`, or begin with it and a dot
   */
  doubt?(row: RowNames): string | null;
  /** Releases the resource. `live` is the value that was acquired, and absent after the death of its process. */
  release(ref: string, live: Live | undefined, row: RowNames): Promise<Released>;
}

/**
 * A resource to acquire. `ref` names it before it exists, so that a crash leaves a name in the ledger. `live` picks what its
 * release needs of the acquired value.
 */
export type Resource<T> = {
  kind: string;
  ref: string;
  acquire: () => T | Promise<T>;
  live?: (value: T) => unknown;
};

/** Acquires resources in order, each with a row in the ledger, and returns their values by name. */
export type Hold = <T extends Record<string, unknown>>(resources: { [K in keyof T]: Resource<T[K]> }) => Promise<T>;
