import type { Attack } from './attack.ts';
import type { CallTally } from './calls.ts';
import { effectsIn, tallyEffects } from './effects.ts';
import { awaitClosedRows, leftDirs, leftProcesses } from './leftovers.ts';
import { auditOutcomes, type OutcomesAudit } from './outcomes-audit.ts';
import { percentile, type Report } from './report.ts';
import { PREFIX, type Stage } from './stage.ts';

/** How long the last open rows may take to be closed once all is quiet. */
const CLOSE_WITHIN_MS = 60_000;
/** How many suspects and leftovers are told of. */
const MOST_TOLD = 10;

/**
 * Counts from outside what a storm has lost or left, and ends the workers on the way: what is left of them then is a
 * leak. `tell` hears of everything that should not be.
 */
export async function audit(
  stage: Stage,
  attack: Attack,
  seed: number,
  tell: (line: string) => void,
): Promise<Omit<Report, 'seconds'>> {
  const { redis, workers, producer, provider, services, workspaceRoot, mark } = stage;
  const open = await awaitClosedRows(redis.port, PREFIX, CLOSE_WITHIN_MS);
  const outcomes = await auditOutcomes(producer, attack.accepted, seed, workers.killedAt);
  const calls = await provider.tally();
  const stubborn = await workers.drain();
  const dirs = await leftDirs(workspaceRoot);
  const openSessions = (await Promise.all(services.map((service) => service.tally()))).flat();
  await provider.close();
  for (const service of services) await service.close();
  const batchIds = attack.accepted.map(({ batchId }) => batchId);
  const processes = await leftProcesses(mark, batchIds);
  const leftSessions = [
    ...openSessions,
    ...processes.flatMap(({ pid, isServer }) => (isServer ? `server ${pid}` : [])),
  ];
  const paid = paidTwice(calls, outcomes);
  const effects = tallyEffects(await effectsIn(stage.effectsFile), outcomes.effects);
  const suspects = [...outcomes.suspects, ...paid.suspects, ...effects.repeated, ...effects.unreported];
  for (const suspect of suspects.slice(0, MOST_TOLD)) tell(`look at ${suspect}`);
  for (const left of [...open, ...dirs, ...processes.map(({ pid }) => pid), ...leftSessions].slice(0, MOST_TOLD))
    tell(`left: ${left}`);
  return {
    ...whatCame(stage, attack, calls),
    seed,
    lost: outcomes.lost,
    duplicate_finals: outcomes.duplicateFinals,
    open_rows: open.length,
    leaked_dirs: dirs.length,
    rows_without_evidence: outcomes.rowsWithoutEvidence,
    leaked_processes: processes.length,
    leaked_sessions: leftSessions.length,
    leaked_leases: open.filter((row) => row.includes('.credential_lease.')).length,
    effects: effects.happened,
    effects_interrupted: effects.interrupted,
    effects_repeated: effects.repeated.length,
    effects_unreported: effects.unreported.length,
    calls: calls.answered,
    calls_paid_twice: paid.times,
    calls_unreported: paid.unreported,
    recovery_p50_ms: percentile(outcomes.recoveriesMs, 0.5),
    recovery_p99_ms: percentile(outcomes.recoveriesMs, 0.99),
    unsettled_batches: outcomes.unsettled,
    wrong_answers: outcomes.wrongAnswers,
    workers_failed: workers.died + stubborn,
    ended: outcomes.ended,
    failures: outcomes.failures,
  };
}

function whatCame({ workers }: Stage, { accepted, redisFaults, proxyFaults, cancels }: Attack, calls: CallTally) {
  return {
    tasks: accepted.reduce((sum, { total }) => sum + total, 0),
    kills: workers.killedAt.size,
    stops: workers.stops,
    redis_faults: redisFaults,
    proxy_faults: proxyFaults,
    provider_faults: calls.faults,
    cancels,
  };
}

/** Holds what the provider answered twice against what the outcome of each task says of it. */
function paidTwice(calls: CallTally, { startedOver }: OutcomesAudit) {
  const paid = { times: 0, unreported: 0, suspects: [] as string[] };
  for (const [tag, times] of calls.paidTwice) {
    const outcome = startedOver.get(tag);
    const missing = Math.max(0, times - (outcome?.calls_possibly_paid_twice ?? 0));
    paid.times += times;
    paid.unreported += missing;
    if (missing > 0) paid.suspects.push(`${tag}, answered ${times} times too often: ${JSON.stringify(outcome)}`);
  }
  return paid;
}
