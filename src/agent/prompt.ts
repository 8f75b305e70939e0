import type { TaskJob } from '../contract/task.ts';

/** The instructions that every child gets. */
export const SYSTEM = `You carry out one task on your own. Nobody answers questions, so decide what is open and say what you decided.
Everything you know about the task is in the message. Use your tools where they help.
When you are done, answer with the result alone.`;

/** The first message of a child: the background of the batch, the context of the task, and its goal. */
export function promptOf({ task, batchContext }: { task: TaskJob['task']; batchContext: string }): string {
  const parts = [
    batchContext && `Background of the batch:\n${batchContext}`,
    task.context && `Context:\n${task.context}`,
  ];
  return [...parts.filter(Boolean), parts.some(Boolean) ? `Task:\n${task.goal}` : task.goal].join('\n\n');
}
