import type { ToolSession } from '../../agent/tool-session.ts';

/**
 * What holds the process of a server or a session with it: an attempt, or the worker. `askers`: the attempts that wait
 * for the process; the holder itself if absent.
 */
export type ServerHolder = Pick<ToolSession, 'taskId' | 'epoch' | 'signal' | 'hold'> & { askers?: ReadonlySet<string> };

/** Returns the name of a holder among those that have places. */
export function holderName({ taskId, epoch }: { taskId: string; epoch: number }): string {
  return `${taskId}.${epoch}`;
}
