import { maxInputTokens } from '../agent/request-size.ts';
import { addSpend, type CutSpend, NO_SPEND, spendOf, unknownSpend } from '../contract/spend.ts';
import type { Cost, Usage } from '../contract/usage.ts';
import type { Model, TurnRequest } from '../providers/model.ts';
import type { ModelHandle } from '../providers/models.ts';
import { costsNothing } from '../providers/unbilled.ts';
import type { MostCostOf } from './paid-twice.ts';

/** The usage of a call and its cost, as the provider reported them. */
type Bill = { usage: Usage; cost_usd: Cost };

/** What is asked of a model about its prices. */
export type Prices = { costOf: ModelHandle['costOf']; mostCostOf: MostCostOf };

/** The model calls of one attempt, and what those cost that have no recorded turn. */
export class ModelCalls {
  #sent = 0;
  #settled = 0;
  /** The turn of a call that is complete and not recorded yet. */
  #unrecorded: CutSpend | undefined;
  #cut: CutSpend = NO_SPEND;

  /**
   * Counts the calls of a model. `onCut` is called with the spend of each call that was cut off: the tokens that the provider
   * had reported, or a call of unknown cost.
   */
  counted(model: Model, prices: Prices, onCut: (spend: CutSpend) => void): Model {
    return {
      turn: async (request, signal) => {
        this.#sent++;
        let told: Bill | undefined;
        const onUsage = (usage: Usage, cost_usd: Cost) => {
          told = { usage, cost_usd };
          request.onUsage?.(usage, cost_usd);
        };
        try {
          const turn = await model.turn({ ...request, onUsage }, signal);
          this.#unrecorded = { ...spendOf(turn), max_cost_usd: turn.cost_usd };
          return turn;
        } catch (error) {
          if (told === undefined && costsNothing(error)) this.#settled++;
          else {
            const spend = cutSpendOf(told, request, prices);
            this.#cut = withMax(addSpend(this.#cut, spend), spend);
            onCut(spend);
          }
          throw error;
        }
      },
    };
  }

  /** Notes that the turn of the last call is recorded, so that no attempt makes it again. */
  turnRecorded(): void {
    this.#settled++;
    this.#unrecorded = undefined;
  }

  /** Calls without a recorded turn that a provider may bill all the same: the task may have to make them again. */
  get unfinished(): number {
    return this.#sent - this.#settled;
  }

  /** What the cut-off calls cost. A turn that is complete and not recorded is told apart: see {@link lostSpend}. */
  get cutSpend(): CutSpend {
    return this.#cut;
  }

  /** What all calls cost that leave no turn on record, if the task goes on elsewhere. */
  get lostSpend(): CutSpend {
    if (!this.#unrecorded) return this.#cut;
    return withMax(addSpend(this.#cut, this.#unrecorded), this.#unrecorded);
  }
}

function withMax(spend: CutSpend, { max_cost_usd }: CutSpend): CutSpend {
  return max_cost_usd === undefined ? spend : { ...spend, max_cost_usd };
}

/**
 * What is known of a call that was cut off: what the provider had reported. Without a report, its cost is unknown. A call may
 * be cut off before it has any output, so what was reported has a cost though it lacks that.
 */
function cutSpendOf(told: Bill | undefined, request: TurnRequest, { costOf, mostCostOf }: Prices): CutSpend {
  const inputTokens = told?.usage.input_tokens || maxInputTokens(request);
  const max_cost_usd = mostCostOf(inputTokens);
  const hasTokens = told !== undefined && told.usage.input_tokens + told.usage.output_tokens > 0;
  if (!told || (!hasTokens && told.cost_usd === null)) return { ...unknownSpend(1), max_cost_usd };
  const { usage } = told;
  return { ...spendOf({ usage, cost_usd: told.cost_usd ?? costOf(usage) }), max_cost_usd };
}
