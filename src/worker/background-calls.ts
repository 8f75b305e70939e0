import type { Deployment } from '../base/deployment.ts';
import type { BackgroundResponse } from '../contract/checkpoint.ts';
import { isErrandError } from '../errors.ts';
import type { Model, TurnRequest } from '../providers/model.ts';
import type { TaskRecords } from '../records/task-records.ts';
import type { Attempt } from './attempt.ts';
import { errorOf } from './classify.ts';
import { responseMarkOf } from './holding/response-kind.ts';
import { turnOf } from './model-calls.ts';

/** Links the responses of a model to their task. */
export type Ties = {
  attempt: Attempt;
  deployment: Pick<Deployment, 'prefix'>;
  records: Pick<TaskRecords, 'noteResponse'>;
};

/**
 * The background calls of one attempt: a model that records the id of each response before it reads on, so that the
 * next attempt can continue the response instead of paying for it again.
 */
export class BackgroundCalls implements Model {
  readonly #model: Model;
  readonly #ties: Ties;
  #response: BackgroundResponse | null;
  #orphan: BackgroundResponse | undefined;
  #takenOverFrom: number | undefined;

  constructor(model: Model, ties: Ties) {
    this.#model = model;
    this.#ties = ties;
    this.#response = ties.attempt.history.response;
  }

  /** The response that the next turn will come from. */
  get response(): BackgroundResponse | null {
    return this.#response;
  }

  /** A response that could not be recorded, because a newer attempt had begun. No other worker knows it. */
  get orphan(): BackgroundResponse | undefined {
    return this.#orphan;
  }

  /** The attempt whose response this attempt continued. */
  get takenOverFrom(): number | undefined {
    return this.#takenOverFrom;
  }

  turn(request: TurnRequest, signal: AbortSignal): ReturnType<Model['turn']> {
    const { attempt, deployment } = this.#ties;
    const mark = responseMarkOf(deployment, attempt.taskId);
    const isKnown = this.#response?.provider === attempt.job.route.provider;
    const known = isKnown ? this.#response?.id : undefined;
    const note = (id: string) => this.#note(this.#tie(id, turnOf(request)));
    return this.#model.turn({ ...request, background: { known, mark, note } }, signal);
  }

  /** Forgets the response of the turn that is recorded now. */
  turnRecorded(): void {
    this.#response = null;
  }

  /** Called once for each model call. A known id belongs to the response of an earlier attempt. */
  #tie(id: string, turn: number): BackgroundResponse {
    if (this.#response?.id === id) this.#takenOverFrom = this.#response.epoch;
    else {
      const { epoch, job } = this.#ties.attempt;
      this.#response = { turn, provider: job.route.provider, id, epoch };
    }
    return this.#response;
  }

  /** Errors here surface through the model call. They are converted, so that they are not blamed on the provider. */
  async #note(response: BackgroundResponse): Promise<void> {
    const { attempt, records } = this.#ties;
    try {
      attempt.abortIfCancelled(await records.noteResponse(attempt.taskId, attempt.epoch, response));
    } catch (error) {
      // The response of an earlier attempt is recorded already, and the newer attempt continues it.
      const isOwn = response.epoch === attempt.epoch;
      if (isOwn && isErrandError(error, 'ATTEMPT_SUPERSEDED')) this.#orphan = response;
      throw errorOf(error, attempt.signal);
    }
  }
}
