import type { Metadata } from '../contract/task.ts';
import type { Hold } from './resource.ts';
import type { WorkspaceAccess } from './workspace-access.ts';

/** Writes lines to the log of the worker. Each line has the ids of the task. */
export type ToolLog = Readonly<Record<'debug' | 'info' | 'warn' | 'error', (fields: object, message: string) => void>>;

/** One attempt of a task, as its tools see it. */
export interface ToolSession {
  readonly taskId: string;
  readonly batchId: string;
  /** The number of the attempt, from 1. */
  readonly epoch: number;
  /** The metadata of the task, as the producer wrote it. */
  readonly metadata: Metadata;
  /** Aborts when the attempt ends. */
  readonly signal: AbortSignal;
  /** Acquires resources of the kinds of the toolset. They are released when the attempt ends, the last one first. */
  readonly hold: Hold;
  readonly log: ToolLog;
  /**
   * The files of the attempt; absent unless the toolset requires `workspace`. A later attempt has only the files that
   * the tools of `workspace` made: the model then reads that those of other tools are gone.
   */
  readonly workspace: WorkspaceAccess | undefined;
  /**
   * Reports that something the tools depend on has failed, such as a disk. The attempt ends and the task is retried. At
   * the last try the attempt continues instead: the model reads the error of its call and can still answer.
   */
  reportFault(error: Error): void;
}
