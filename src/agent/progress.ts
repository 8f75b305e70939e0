import type { Checkpoint, ToolResult } from '../contract/checkpoint.ts';

/**
 * Counts the last turns in a row that made the same tool calls and got the same results; 1 if the last turn differs
 * from the turn before it. `results` are the results of the last turn, because no checkpoint holds them yet.
 */
export function repeatedTurns(checkpoints: readonly Checkpoint[], results: readonly ToolResult[]): number {
  let answers = results;
  let last: string | undefined;
  let count = 0;
  for (const { reply, tool_results } of checkpoints.toReversed()) {
    const calls = reply.tool_calls.map(({ name, arguments: args }) => [name, args]);
    const turn = JSON.stringify([calls, answers.map(({ text, is_error, images }) => [text, is_error, images])]);
    if (last !== undefined && turn !== last) break;
    last = turn;
    answers = tool_results;
    count++;
  }
  return count;
}
