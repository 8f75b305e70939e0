import type { Wake } from '../contract/task.ts';

/** Names the job of a task together with its lane's provider, for the sets of those that wait. */
export function jobNameOf(taskId: string, provider: string): string {
  return `${taskId}@${provider}`;
}

/** Reads a name made by {@link jobNameOf}. */
export function wakeOf(name: string): Wake {
  const [taskId = '', provider = ''] = name.split('@');
  return { taskId, provider };
}
