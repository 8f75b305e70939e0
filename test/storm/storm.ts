import { monotonicMs } from '../../src/base/clock.ts';
import { type Attack, attack } from './attack.ts';
import { audit } from './audit.ts';
import { planStorm } from './plan.ts';
import { lossesIn, type Report } from './report.ts';
import { openStage, SLOTS, type Stage } from './stage.ts';

/** How long the batches may take to settle once the attack is over. */
const SETTLE_WITHIN_MS = 120_000;

/** Which storm to run. `tell` hears how far it is, in lines for a person. */
export type StormOptions = { seed: number; durationMs: number; tell: (line: string) => void };

/**
 * Attacks a deployment of its own for `durationMs`, lets it come to rest, and counts from outside what is lost or left.
 *
 * The directory of the deployment, with the logs of its workers, is kept where there is a loss.
 */
export async function runStorm({ seed, durationMs, tell }: StormOptions): Promise<Report> {
  const startedMs = monotonicMs();
  const secondsSoFar = () => Math.round((monotonicMs() - startedMs) / 1000);
  const stage = await openStage();
  let isKept = true;
  try {
    const done = await attack(stage, planStorm(seed, durationMs, SLOTS), seed);
    tell(`attacked for ${secondsSoFar()} s; waiting for ${done.accepted.length} batches to settle`);
    await rest(stage, done, tell);
    const report = { ...(await audit(stage, done, seed, tell)), seconds: secondsSoFar() };
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
