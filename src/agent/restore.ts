import { clip, oneLine } from '../base/text.ts';
import type { Checkpoint, ToolCall, ToolResult } from '../contract/checkpoint.ts';
import type { EffectCall } from '../contract/effect-call.ts';
import { ErrandError } from '../errors.ts';
import type { Tools } from './tools.ts';
import { placeOf } from './turn-calls.ts';

/** How many calls with another result are listed, and the maximum length of each line. */
const MAX_LISTED = 10;
const LINE_CHARS = 300;

/**
 * State that earlier attempts had and this one has not. `makers`: the tools that changed it; their calls are not
 * repeated. `toolsets`: whose state it is. `differing`: repeated calls that had another result now, one line each.
 */
export type LostState = { makers: readonly string[]; toolsets: readonly string[]; differing: readonly string[] };

/** What earlier attempts recorded, and the function that repeats one of their calls. */
export type Restoring = {
  checkpoints: readonly Checkpoint[];
  effects: readonly EffectCall[];
  tools: Tools;
  repeat: (call: ToolCall, place: string) => Promise<ToolResult>;
};

/**
 * Repeats the recorded calls of toolsets that restore their state, in order: a new attempt starts with an empty state.
 * Skips the calls of the last turn, which have no result yet and run with the next turn. Skips failed calls too: the
 * model knows that they changed nothing. Returns what could not be restored, because tools that are not repeated
 * changed the same state; `null` if there are no such calls.
 *
 * @throws ErrandError with the code of the toolset if a call fails now that succeeded before, and no other tool changed
 *   the state of its toolset: the model relies on its effect. What `repeat` throws.
 */
export async function restore({ checkpoints, effects, tools, repeat }: Restoring): Promise<LostState | null> {
  const answered = answeredCalls(checkpoints);
  const repeatable = answered.filter(({ call }) => tools.classOf(call.name) === 'idempotent');
  const called = new Set([...effects.map(({ tool }) => tool), ...repeatable.map(({ call }) => call.name)]);
  const makers = [...called].filter((name) => tools.changedBy(name).length > 0);
  const toolsets = new Set(makers.flatMap((name) => tools.changedBy(name)));
  const differing: string[] = [];
  for (const { call, place, result } of answered) {
    const restorer = result?.is_error ? undefined : tools.restorerOf(call.name);
    if (!restorer) continue;
    const { is_error, text } = await repeat(call, place);
    const isShared = toolsets.has(restorer.toolset);
    if (is_error && !isShared) throw new ErrandError(restorer.faultCode, `a recorded call cannot be repeated: ${text}`);
    // The first result of an earlier attempt may begin with what that attempt told.
    if (isShared && !result?.text.endsWith(text)) differing.push(`${call.name}: ${clip(oneLine(text), LINE_CHARS)}`);
  }
  return makers.length === 0 ? null : { makers, toolsets: [...toolsets], differing };
}

/** Returns what the model must know about lost state: it remembers calls whose effect is gone. */
export function toldOf({ makers, toolsets, differing }: LostState): string {
  const others =
    differing.length === 0
      ? ''
      : ` These calls of other tools depended on it. Repeated without it, each had another result than before:\n${listed(differing)}`;
  return `An earlier attempt of this task was interrupted. What ${makers.join(', ')} made or changed in the ${toolsets.join(', ')} is gone, and no such call was repeated. Make it again if you need it.${others}`;
}

/** Returns the notes of an outcome about lost state. */
export function notesOf({ makers, toolsets, differing }: LostState): string[] {
  const lost = `an earlier attempt was interrupted: what ${makers.join(', ')} made or changed in the ${toolsets.join(', ')} was lost, unless a later call made it again`;
  if (differing.length === 0) return [lost];
  return [lost, `repeated calls that then had another result than before:\n${listed(differing)}`];
}

function listed(lines: readonly string[]): string {
  const left = lines.length - MAX_LISTED;
  return [...lines.slice(0, MAX_LISTED), ...(left > 0 ? [`and ${left} more`] : [])].join('\n');
}

type AnsweredCall = { call: ToolCall; place: string; result: ToolResult | undefined };

/**
 * The calls of all turns but the last, in order. The results of one turn are in the next checkpoint, in the same order.
 */
function answeredCalls(checkpoints: readonly Checkpoint[]): AnsweredCall[] {
  return checkpoints.slice(0, -1).flatMap(({ reply }, turn) => {
    const results = checkpoints[turn + 1]?.tool_results;
    return reply.tool_calls.map((call, at) => ({ call, place: placeOf(turn + 1, at), result: results?.[at] }));
  });
}
