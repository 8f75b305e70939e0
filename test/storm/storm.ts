import { monotonicMs } from '../../src/base/clock.ts';
import { type Attack, attack } from './attack.ts';
import type { CallTally } from './calls.ts';
import { awaitClosedRows, leftDirs, leftProcesses } from './leftovers.ts';
import { auditOutcomes, type OutcomesAudit } from './outcomes-audit.ts';
import { planStorm } from './plan.ts';
import { lossesIn, percentile, type Report } from './report.ts';
import { openStage, SLOTS, type Stage } from './stage.ts';

/** How long the batches may take to settle once the attack is over, and the last rows to be closed after that. */
const SETTLE_WITHIN_MS = 120_000;
const CLOSE_WITHIN_MS = 60_000;
const MOST_TOLD = 10;

/** Which storm to run. `tell` hears how far it is, in lines for a person. */
export type StormOptions = { seed: number; durationMs: number; tell: (line: string) => void };

/**
 * Attacks a deployment of its own for `durationMs`, lets it come to rest, and counts from outside what is lost or left.
 *
 * The directory of the deployment, with the logs of its workers, is kept where there is a loss.
 */
export async function runStorm({ seed, durationMs, tell }: StormOptions): Promise<Report> {
  const startedMs = monotonicMs();
  const stage = await openStage();
  let isKept = true;
  try {
    const done = await attack(stage, planStorm(seed, durationMs, SLOTS), seed);
    tell(`attacked for ${seconds(startedMs)} s; waiting for ${done.accepted.length} batches to settle`);
    await rest(stage, done, tell);
    const report = { ...(await audit(stage, done, seed, tell)), seconds: seconds(startedMs) };
    isKept = lossesIn(report).length > 0;
    return report;
  } finally {
    await stage.close({ isKept });
    if (isKept) tell(`its Redis and the logs of its workers are kept in ${stage.dir}`);
  }
}

/** Waits until every worker runs and every batch has settled; one that does not is counted by the audit. */
async function rest({ workers, producer }: Stage, { accepted }: Attack, tell: (line: string) => void): Promise<void> {
  await workers.ready();
  const signal = AbortSignal.timeout(SETTLE_WITHIN_MS);
  for (const { batchId } of accepted) {
    if (signal.aborted) return;
    await producer.settled(batchId, { signal }).catch((error) => tell(`${batchId} has not settled: ${error}`));
  }
}

async function audit(stage: Stage, done: Attack, seed: number, tell: (line: string) => void) {
  const { redis, workers, producer, provider, workspaceRoot } = stage;
  const outcomes = await auditOutcomes(producer, done.accepted, seed, workers.killedAt);
  const open = await awaitClosedRows(redis.port, CLOSE_WITHIN_MS);
  const calls = await provider.tally();
  const stubborn = await workers.drain();
  const dirs = await leftDirs(workspaceRoot);
  await provider.close();
  const processes = await leftProcesses(
    stage.mark,
    done.accepted.map(({ batchId }) => batchId),
  );
  for (const suspect of outcomes.suspects.slice(0, MOST_TOLD)) tell(`look at ${suspect}`);
  for (const left of [...open, ...dirs, ...processes].slice(0, MOST_TOLD)) tell(`left: ${left}`);
  return {
    seed,
    ...struck(stage, done, calls),
    ...weathered(outcomes, open, calls),
    leaked_dirs: dirs.length,
    leaked_processes: processes.length,
    workers_failed: workers.died + stubborn,
  };
}

function struck({ workers }: Stage, done: Attack, calls: CallTally) {
  return {
    kills: workers.killedAt.size,
    stops: workers.stops,
    redis_faults: done.redisFaults,
    proxy_faults: done.proxyFaults,
    provider_faults: calls.faults,
    cancels: done.cancels,
  };
}

function weathered(outcomes: OutcomesAudit, open: string[], calls: CallTally) {
  const sum = (numbers: number[]) => numbers.reduce((total, number) => total + number, 0);
  const { tasks, lost, ended, failures, recoveriesMs, reported } = outcomes;
  return {
    tasks,
    lost,
    duplicate_finals: outcomes.duplicateFinals,
    open_rows: open.length,
    leaked_leases: open.filter((row) => row.includes('.credential_lease.')).length,
    calls: calls.answered,
    calls_paid_twice: sum(calls.paidTwice.map(([, times]) => times)),
    calls_unreported: sum(calls.paidTwice.map(([tag, times]) => Math.max(0, times - (reported.get(tag) ?? 0)))),
    recovery_p50_ms: percentile(recoveriesMs, 0.5),
    recovery_p99_ms: percentile(recoveriesMs, 0.99),
    unsettled_batches: outcomes.unsettled,
    wrong_answers: outcomes.wrongAnswers,
    ended,
    failures,
  };
}

function seconds(sinceMs: number): number {
  return Math.round((monotonicMs() - sinceMs) / 1000);
}
