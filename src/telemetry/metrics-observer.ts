import type { CleanupStep } from '../contract/cleanup.ts';
import type { Outcome } from '../contract/outcome.ts';
import { type Spend, spendOf } from '../contract/spend.ts';
import type { Metrics } from './metrics.ts';
import { type End, type Observer, unobserved } from './observer.ts';
import type { AttemptLabel, AttemptReport, Step, StepEnd } from './step.ts';

/** Counts steps in the metrics of a worker. */
export class MetricsObserver implements Observer {
  readonly #metrics: Metrics;

  constructor(metrics: Metrics) {
    this.#metrics = metrics;
  }

  begin(step: Step): End {
    const { staleWrites, lockLosses } = this.#metrics;
    switch (step.name) {
      case 'text':
        return unobserved;
      case 'attempt':
        return this.#attempt(step);
      case 'record_turn':
        this.#turn(step, step.reply);
        return unobserved;
      case 'call_cut_off':
        this.#spent(step, step.spend);
        return unobserved;
      case 'reclaim':
        return this.#reclaim();
      case 'record':
        return this.#record(step.provider);
      case 'settle':
        return this.#settle();
      case 'move_refused':
        staleWrites.inc();
        return unobserved;
      case 'locks_lost':
        lockLosses.inc(step.taskIds.length);
        return unobserved;
      default:
        return unobserved;
    }
  }

  #attempt({ provider }: AttemptLabel): End {
    this.#metrics.attemptsStarted.inc({ provider });
    this.#metrics.attemptsRunning.inc();
    return (end: StepEnd) => {
      this.#metrics.attemptsRunning.dec();
      if (end.status === 'ended') this.#attemptEnded(provider, end.report);
    };
  }

  #reclaim(): End {
    return (end) => {
      if (end.status === 'released' || end.status === 'left_open') this.#cleanup(end.step);
    };
  }

  #record(provider: string): End {
    return (end) => {
      if (end.status === 'recorded') this.#taskEnded(provider, end.outcome);
    };
  }

  #settle(): End {
    return (end) => {
      if (end.status === 'settled') this.#metrics.batchesSettled.inc();
    };
  }

  #attemptEnded(provider: string, { ended, failure, cleanup, durationMs }: AttemptReport): void {
    this.#metrics.attemptsEnded.inc({ provider, ended, code: failure?.code ?? '' });
    // Counted once for each attempt, although several of its writes may have been refused.
    if (failure?.code === 'ATTEMPT_SUPERSEDED') this.#metrics.staleWrites.inc();
    this.#metrics.attemptSeconds.observe({ provider, ended }, durationMs / 1000);
    for (const step of cleanup.steps) this.#cleanup(step);
  }

  #turn(attempt: AttemptLabel, reply: Parameters<typeof spendOf>[0]): void {
    const { provider, model } = attempt;
    this.#metrics.turns.inc({ provider, model });
    if (reply.cost_usd === null) this.#metrics.unpricedTurns.inc({ provider, model });
    this.#spent(attempt, spendOf(reply));
  }

  #spent({ provider, model }: AttemptLabel, { usage, known_cost_usd, calls_of_unknown_cost }: Spend): void {
    const { tokens, cachedTokens, costUsd, callsOfUnknownCost } = this.#metrics;
    tokens.inc({ provider, model, kind: 'input' }, usage.input_tokens);
    tokens.inc({ provider, model, kind: 'output' }, usage.output_tokens);
    if (usage.cached_input_tokens > 0) cachedTokens.inc({ provider, model }, usage.cached_input_tokens);
    if (known_cost_usd > 0) costUsd.inc({ provider, model }, known_cost_usd);
    if (calls_of_unknown_cost > 0) callsOfUnknownCost.inc({ provider, model }, calls_of_unknown_cost);
  }

  #taskEnded(provider: string, outcome: Outcome): void {
    const code = outcome.status === 'succeeded' ? '' : outcome.failure.code;
    this.#metrics.tasksEnded.inc({ provider, status: outcome.status, code });
  }

  #cleanup({ kind, status, evidence, actor }: CleanupStep): void {
    this.#metrics.cleanupSteps.inc({ kind, status, evidence, actor });
  }
}
