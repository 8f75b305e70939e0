import { z } from 'zod';
import { parseForeign } from '../base/foreign.ts';
import { byteLength, clip, wellFormed } from '../base/text.ts';
import type { ToolCall, ToolResult } from '../contract/checkpoint.ts';
import { isErrandError, messageOf } from '../errors.ts';
import type { ToolDefinition } from '../providers/model.ts';
import { runWithin } from './tool-limit.ts';

/** The longest tool result a model is shown; the rest is cut with a note. */
export const RESULT_CHARS = 64 * 1024;

/**
 * Something a child can do. `run` gets arguments that fit the schema and a signal it must heed; what it throws is told to
 * the model.
 *
 * `effect` says what running it again would do: `read` changes nothing; `idempotent` leads to the same state, so an
 * attempt that takes over repeats it to get back what its predecessor had; `effect` would happen twice, so it is written
 * down before it runs and never run again.
 */
export type Tool = {
  definition: ToolDefinition;
  effect: 'read' | 'idempotent' | 'effect';
  run: (args: unknown, signal: AbortSignal) => Promise<string>;
};

/** Makes a tool from a schema of its arguments; they are parsed before `run` sees them. */
export function defineTool<S extends z.ZodObject>(tool: {
  name: string;
  description: string;
  effect: Tool['effect'];
  parameters: S;
  run: (args: z.infer<S>, signal: AbortSignal) => Promise<string>;
}): Tool {
  const { $schema: _, ...parameters } = z.toJSONSchema(tool.parameters, { io: 'input' });
  return {
    definition: { name: tool.name, description: tool.description, parameters },
    effect: tool.effect,
    run: async (args, signal) => {
      const parsed = tool.parameters.safeParse(args);
      if (!parsed.success) throw new Error(`the arguments do not fit: ${z.prettifyError(parsed.error)}`);
      return tool.run(parsed.data, signal);
    },
  };
}

/**
 * Runs one tool call and returns what the model is to read. An unknown tool, arguments that do not parse and a tool
 * that throws or passes its limit are results too, marked as errors.
 *
 * @throws the signal's reason, or ErrandError `CHILD_TOOL_TIMED_OUT` for a tool that does not stop at its limit.
 */
export async function callTool(
  tools: readonly Tool[],
  call: ToolCall,
  { signal, limitMs }: { signal: AbortSignal; limitMs: number },
): Promise<ToolResult> {
  const answer = (text: string, isError: boolean) => ({ call_id: call.id, text: limit(text), is_error: isError });
  const tool = tools.find(({ definition }) => definition.name === call.name);
  if (!tool) {
    const known = tools.map(({ definition }) => definition.name).join(', ') || 'none';
    return answer(`There is no tool "${clip(call.name, 100)}". Tools: ${known}.`, true);
  }
  let args: unknown;
  try {
    args = wellFormed(parseForeign(call.arguments.trim() === '' ? '{}' : call.arguments));
  } catch (error) {
    return answer(`The arguments of ${call.name} are not JSON: ${messageOf(error)}`, true);
  }
  try {
    const text = await runWithin({ name: call.name, limitMs, signal }, (live) => tool.run(args, live));
    return answer(text, false);
  } catch (error) {
    signal.throwIfAborted();
    if (isErrandError(error, 'CHILD_TOOL_TIMED_OUT')) throw error;
    return answer(`${call.name} failed: ${messageOf(error)}`, true);
  }
}

/**
 * The maximum size of the tool results of one turn in its checkpoint, in bytes of JSON. The reply takes up to 3 MiB more.
 */
const RESULTS_BYTES = 768 * 1024;

/** Cuts the longest results of one turn until all of them fit into a checkpoint. Returns a turn that fits unchanged. */
export function fitResults(results: ToolResult[]): ToolResult[] {
  const sizes = results.map(({ text }) => jsonBytes(text));
  if (sizes.reduce((sum, size) => sum + size, 0) <= RESULTS_BYTES) return results;
  const share = Math.floor(RESULTS_BYTES / results.length);
  return results.map((result, at) =>
    (sizes[at] ?? 0) <= share ? result : { ...result, text: cutTo(result.text, share) },
  );
}

function cutTo(text: string, bytes: number): string {
  const note = `\n[cut: ${text.length} characters in all, beside the results of other calls]`;
  let kept = text;
  while (jsonBytes(kept) > bytes - note.length - 4) kept = clip(kept, Math.floor(kept.length * 0.8));
  return `${kept}${note}`;
}

function jsonBytes(text: string): number {
  return byteLength(JSON.stringify(text));
}

function limit(text: string): string {
  return text.length <= RESULT_CHARS ? text : `${clip(text, RESULT_CHARS)}\n[cut: ${text.length} characters in all]`;
}
