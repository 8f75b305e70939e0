import { maxInputTokens } from '../agent/request-size.ts';
import { addSpend, type CutSpend, NO_SPEND, spendOf, unknownSpend } from '../contract/spend.ts';
import type { Cost, Usage } from '../contract/usage.ts';
import type { Model, TurnRequest } from '../providers/model.ts';
import type { ModelHandle } from '../providers/models.ts';
import { costsNothing } from '../providers/unbilled.ts';
import type { MaxCostOf } from './ending/paid-twice.ts';

/** The usage of a call and its cost, as the provider reported them. */
type Bill = { usage: Usage; cost_usd: Cost };

/** The prices of a model. */
export type Prices = { costOf: ModelHandle['costOf']; maxCostOf: MaxCostOf };

/**
 * The listeners for calls. `onCut` is called with the spend of each call that was cut off: the tokens that the provider
 * had reported, or a call of unknown cost. `onLong` is called once with the reported spend of a long call that is still
 * running, and its turn, in case its worker dies.
 */
export type CallListeners = {
  onCut: (spend: CutSpend) => void;
  onLong: (spend: CutSpend) => void;
};

/** The number of the turn that a request asks for, from 1. */
export function turnOf({ transcript }: TurnRequest): number {
  return transcript.filter(({ role }) => role === 'assistant').length + 1;
}

/** The minimum duration of a long call. A shorter call ends before its spend could be written. */
const LONG_CALL_MS = 1_000;

/** One model call so far. */
class Call {
  readonly #request: TurnRequest;
  readonly #prices: Prices;
  readonly #onLong: CallListeners['onLong'];
  readonly #timer: NodeJS.Timeout;
  #bill: Bill | undefined;
  #isLong = false;
  #isAnnounced = false;

  constructor(request: TurnRequest, prices: Prices, onLong: CallListeners['onLong']) {
    this.#request = request;
    this.#prices = prices;
    this.#onLong = onLong;
    this.#timer = setTimeout(() => {
      this.#isLong = true;
      this.#announceIfLong();
    }, LONG_CALL_MS);
  }

  get isReported(): boolean {
    return this.#bill !== undefined;
  }

  /** Records the report of the provider so far. */
  report(usage: Usage, cost_usd: Cost): void {
    this.#bill = { usage, cost_usd };
    this.#request.onUsage?.(usage, cost_usd);
    this.#announceIfLong();
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#isAnnounced = true;
  }

  /**
   * The spend of a call that was cut off: the usage that the provider had reported. Without a report, its cost is
   * unknown. A call may be cut off before it has any output, so a report without output has a cost too.
   */
  get spend(): CutSpend {
    const bill = this.#bill;
    const max_cost_usd = this.#prices.maxCostOf(bill?.usage.input_tokens || maxInputTokens(this.#request));
    const hasTokens = bill !== undefined && bill.usage.input_tokens + bill.usage.output_tokens > 0;
    if (!bill || (!hasTokens && bill.cost_usd === null)) return { ...unknownSpend(1), max_cost_usd };
    const { usage } = bill;
    return { ...spendOf({ usage, cost_usd: bill.cost_usd ?? this.#prices.costOf(usage) }), max_cost_usd };
  }

  #announceIfLong(): void {
    if (!this.#isLong || this.#isAnnounced || !this.#bill) return;
    this.#isAnnounced = true;
    this.#onLong({ ...this.spend, turn: turnOf(this.#request) });
  }
}

/** The model calls of one attempt: a model that counts them, and the cost of the calls without a recorded turn. */
export class ModelCalls implements Model {
  readonly #model: Model;
  readonly #prices: Prices;
  readonly #listeners: CallListeners;
  readonly #notes: string[] = [];
  #sent = 0;
  #settled = 0;
  /** The turn of a complete call that is not recorded yet. */
  #unrecorded: CutSpend | undefined;
  #cut: CutSpend = NO_SPEND;

  constructor(model: Model, prices: Prices, listeners: CallListeners) {
    this.#model = model;
    this.#prices = prices;
    this.#listeners = listeners;
  }

  async turn(request: TurnRequest, signal: AbortSignal): ReturnType<Model['turn']> {
    this.#sent++;
    const call = new Call(request, this.#prices, this.#listeners.onLong);
    try {
      const turn = await this.#model.turn({ ...request, ...this.#listening(call) }, signal);
      this.#unrecorded = { ...spendOf(turn), max_cost_usd: turn.cost_usd };
      return turn;
    } catch (error) {
      this.#failed(call, error);
      throw error;
    } finally {
      call.end();
    }
  }

  /** Notes that the turn of the last call is recorded, so that no attempt makes it again. */
  turnRecorded(): void {
    this.#settled++;
    this.#unrecorded = undefined;
  }

  /** Notes about how the calls were kept within the limits of the provider. */
  get notes(): readonly string[] {
    return this.#notes;
  }

  /** Calls without a recorded turn that the provider may bill, although the task may have to repeat them. */
  get unfinished(): number {
    return this.#sent - this.#settled;
  }

  /** The cost of the cut-off calls. A complete turn that is not recorded counts separately: see {@link lostSpend}. */
  get cutSpend(): CutSpend {
    return this.#cut;
  }

  /** The cost of all calls without a recorded turn, if the task continues in another attempt. */
  get lostSpend(): CutSpend {
    if (!this.#unrecorded) return this.#cut;
    return withMax(addSpend(this.#cut, this.#unrecorded), this.#unrecorded);
  }

  #failed(call: Call, error: unknown): void {
    if (!call.isReported && costsNothing(error)) {
      this.#settled++;
      return;
    }
    const { spend } = call;
    this.#cut = withMax(addSpend(this.#cut, spend), spend);
    this.#listeners.onCut(spend);
  }

  #listening(call: Call): Pick<TurnRequest, 'onUsage' | 'onLimit'> {
    return {
      onUsage: (usage, cost) => call.report(usage, cost),
      onLimit: (note) => this.#notes.push(note),
    };
  }
}

function withMax(spend: CutSpend, { max_cost_usd }: CutSpend): CutSpend {
  return max_cost_usd === undefined ? spend : { ...spend, max_cost_usd };
}
