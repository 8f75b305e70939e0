/** A task whose job waits in a lane and may be woken: parked until it gets a place, or resting until it comes back. */
export type Wake = { taskId: string; provider: string };

/** Names the job of a task together with its lane's provider, for the sets of those that wait. */
export function jobNameOf(taskId: string, provider: string): string {
  return `${taskId}@${provider}`;
}

/** Reads a name made by {@link jobNameOf}. */
export function wakeOf(name: string): Wake {
  const [taskId = '', provider = ''] = name.split('@');
  return { taskId, provider };
}
