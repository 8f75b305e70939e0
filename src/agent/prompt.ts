import type { TaskJob } from '../contract/task.ts';

/** The system prompt of every child. */
export const SYSTEM = `You carry out one task on your own. No one can answer questions. Make reasonable assumptions and state them in your answer.
The message contains everything that is known about the task. Use your tools when they help.
When you are done, answer with the result and your assumptions, and nothing else.`;

/** The first message of a child: the background of the batch, the context of the task, and its goal. */
export function promptOf({ task, batchContext }: { task: TaskJob['task']; batchContext: string }): string {
  const parts = [
    batchContext && `Background of the batch:\n${batchContext}`,
    task.context && `Context:\n${task.context}`,
  ];
  return [...parts.filter(Boolean), parts.some(Boolean) ? `Task:\n${task.goal}` : task.goal].join('\n\n');
}
