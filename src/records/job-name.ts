import { parseTaskId } from '../base/ids.ts';
import { ProviderName } from '../contract/route.ts';
import type { Wake } from '../contract/task.ts';

/** Names the job of a task together with its lane's provider, for the sets of those that wait. */
export function jobNameOf(taskId: string, provider: string): string {
  return `${taskId}@${provider}`;
}

/** Reads names made by {@link jobNameOf}. Skips any other text: a task id and a provider become the name of a key. */
export function wakesIn(names: readonly string[]): Wake[] {
  return names.flatMap((name) => {
    const [taskId = '', provider = '', ...more] = name.split('@');
    const isWake = parseTaskId(taskId) !== null && ProviderName.safeParse(provider).success && more.length === 0;
    return isWake ? [{ taskId, provider }] : [];
  });
}
