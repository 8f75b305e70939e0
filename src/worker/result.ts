import type { CutCall } from '../agent/child.ts';
import type { Tools } from '../agent/tools.ts';
import { counted } from '../base/text.ts';
import type { BackgroundResponse, Checkpoint } from '../contract/checkpoint.ts';
import type { EffectCall } from '../contract/effect-call.ts';
import type { Answer } from '../contract/outcome.ts';
import type { RouteAudit } from '../contract/route.ts';
import { type CutSpend, NO_SPEND } from '../contract/spend.ts';
import type { ErrandError } from '../errors.ts';
import type { TaskHistory } from '../records/task-history.ts';
import type { Built } from './build.ts';

/** What an attempt did, together with the work of earlier attempts. */
export type Work = {
  /** The turns of the task so far, over all its attempts. */
  checkpoints: readonly Checkpoint[];
  /** The calls of effect tools that all attempts started. */
  effects: readonly EffectCall[];
  /** The text of the last turn, or of the turn that was cut short. */
  text: string;
  files: Answer['files'];
  /** Notes for the outcome, such as how the calls were kept within the limits of the provider. */
  notes: readonly string[];
  /** The resolved route; `null` if no model was opened. */
  effective: RouteAudit['effective'];
  cutCall: CutCall | undefined;
  /** Calls without a recorded turn that the provider may bill. */
  unfinishedCalls: number;
  /** The cost of the cut-off calls. */
  cutSpend: CutSpend;
  /** The cost of all calls without a recorded turn, if the task continues in another attempt. */
  lostSpend: CutSpend;
  /** The background response that the next turn will come from. */
  response: BackgroundResponse | null;
  /** A background response that could not be recorded, because a newer attempt had begun. */
  orphan: BackgroundResponse | undefined;
  /** The attempt whose background response this attempt continued. */
  callTakenOverFrom: number | undefined;
};

/** The result of an attempt, before it is recorded. `isRejected`: its batch was not admitted. */
export type Result = { work: Work } & (
  | { status: 'succeeded' }
  | { status: 'stopped'; error: ErrandError; isRejected: boolean }
);

/** The work of an attempt that ended before its child was built: only the work of earlier attempts. */
export function workBefore({ checkpoints, effects, response }: TaskHistory): Work {
  return {
    checkpoints,
    effects,
    text: '',
    files: [],
    notes: [],
    effective: null,
    cutCall: undefined,
    unfinishedCalls: 0,
    cutSpend: NO_SPEND,
    lostSpend: NO_SPEND,
    response,
    orphan: undefined,
    callTakenOverFrom: undefined,
  };
}

/** The work of a child that has stopped, with its files and the notes about them. */
export function workOf(
  { child, effective, calls, background, toolsets: { tools } }: Built,
  { files, notes }: Pick<Work, 'files' | 'notes'>,
): Work {
  return {
    checkpoints: child.transcript.checkpoints,
    effects: child.effects.calls,
    text: child.text,
    files,
    notes: [...calls.notes, ...child.notes, ...notes, ...deniedIn(child.transcript.checkpoints, tools)],
    effective,
    cutCall: child.cutCall,
    unfinishedCalls: calls.unfinished,
    cutSpend: calls.cutSpend,
    lostSpend: calls.lostSpend,
    response: background.response,
    orphan: background.orphan,
    callTakenOverFrom: background.takenOverFrom,
  };
}

/** One note for each tool that the model called although the policy denies it, over all attempts. */
function deniedIn(checkpoints: readonly Checkpoint[], tools: Tools): string[] {
  const counts = new Map<string, number>();
  for (const [turn, { reply }] of checkpoints.entries()) {
    for (const [at, { name }] of reply.tool_calls.entries()) {
      const denial = tools.denialOf(name);
      // The first result of an attempt may begin with what it lost.
      const isDenied = denial !== undefined && checkpoints[turn + 1]?.tool_results[at]?.text.endsWith(denial);
      if (isDenied) counts.set(name, (counts.get(name) ?? 0) + 1);
    }
  }
  return [...counts].map(([name, count]) => `the tool policy denied ${counted(count, 'call')} of ${name}`);
}
