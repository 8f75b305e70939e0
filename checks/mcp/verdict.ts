import { markIn } from './kill-tasks.ts';
import type { KillsResult } from './kills.ts';
import { MAX_PROCESSES, WORKERS } from './stage.ts';

/** One line of the acceptance: its figures, and whether they are as they must be. */
export type Line = { text: string; holds: boolean };

/** Judges the kills, line by line. */
export function judge(result: KillsResult): Line[] {
  return [lineOfEnds(result), lineOfProcesses(result), lineOfLeftovers(result), lineOfEffects(result)];
}

function lineOfEnds({ ended, lost, kills }: KillsResult): Line {
  const codes: Record<string, number> = {};
  for (const { outcome } of ended) {
    const end = 'failure' in outcome ? outcome.failure.code : outcome.status;
    codes[end] = (codes[end] ?? 0) + 1;
  }
  const ends = Object.entries(codes).map(([code, count]) => `${code} ${count}`);
  // A task that was killed three times in one turn ends by design.
  const isKnown = Object.keys(codes).every((code) => code === 'succeeded' || code === 'CRASH_LOOP');
  return {
    text: `${WORKERS} workers, ${ended.length + lost} tasks, ${kills} kill -9: lost ${lost}, ${ends.join(', ')}`,
    holds: lost === 0 && isKnown && kills >= 20,
  };
}

function lineOfProcesses({ watch, ended }: KillsResult): Line {
  const cap = MAX_PROCESSES * WORKERS;
  const idle = ended.filter(({ isCalling }) => !isCalling).map(({ outcome }) => outcome);
  const isOf = (tag: string, taskId: string) => tag.includes(`:${taskId}/`);
  const started = idle.filter(
    ({ task_id: id, cleanup }) =>
      [...watch.seen].some((tag) => isOf(tag, id)) || cleanup.steps.some(({ kind }) => /process|mcp/.test(kind)),
  ).length;
  const { mostServers, mostProcesses, looks } = watch;
  return {
    text: `servers in /proc at most ${mostServers} of ${cap} (${mostProcesses} processes, ${looks} looks); for ${idle.length} tasks that call none ${started}`,
    holds: mostServers > 0 && mostServers <= cap && started === 0 && idle.length > 0,
  };
}

function lineOfLeftovers({ leftProcesses, leftSessions, openRows, ended }: KillsResult): Line {
  const steps = ended.flatMap(({ outcome }) => outcome.cleanup.steps);
  const without = steps.filter(({ evidence, status }) => evidence === 'unknown' || status === 'open').length;
  return {
    text: `after the sweep: processes ${leftProcesses}, sessions ${leftSessions}, open rows ${openRows.length}; without evidence ${without} of ${steps.length} rows`,
    holds: leftProcesses + leftSessions + openRows.length + without === 0,
  };
}

function lineOfEffects({ ended, happened, inFlight, told }: KillsResult): Line {
  const asked = ended.filter(({ effect }) => effect !== null);
  const repeated = [...happened].filter(([, times]) => times > 1).length;
  const cut = asked.filter(({ effect }) => inFlight.has(effect ?? ''));
  const listed = cut.filter(({ outcome }) => outcome.interrupted_effects?.length);
  const heard = cut.filter(({ task, outcome }) => told.has(markIn(task.goal) ?? '') || outcome.status !== 'succeeded');
  const silent = asked.filter(
    ({ effect, outcome }) =>
      outcome.status === 'succeeded' && !happened.has(effect ?? '') && !outcome.interrupted_effects?.length,
  ).length;
  return {
    text: `effects: ${happened.size} happened, more than once ${repeated}; in flight at a kill ${cut.length}, listed ${listed.length}, told to the child ${heard.length}; neither happened nor listed ${silent}`,
    holds: repeated + silent === 0 && cut.length > 0 && listed.length === cut.length && heard.length === cut.length,
  };
}
