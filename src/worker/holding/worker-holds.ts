import type { WorkerHold } from '../../agent/worker-hold.ts';
import { holderIdOf } from '../../base/ids.ts';
import type { CleanupStep } from '../../contract/cleanup.ts';
import type { WorkerIdentity } from '../../contract/worker-identity.ts';
import type { WorkerLedger } from '../../records/worker-ledger.ts';
import { during, endOfCleanup, note } from '../../telemetry/observer.ts';
import type { Reclaim } from './reclaim.ts';
import { Scope } from './scope.ts';
import type { UnwindDeps } from './unwind.ts';

/** The dependencies of {@link WorkerHolds}. */
export type WorkerHoldsDeps = UnwindDeps & { ledger: WorkerLedger; reclaim: Reclaim; self: WorkerIdentity };

/** What this worker holds for several attempts: a scope for each hold, with rows in the ledger of the worker. */
export class WorkerHolds {
  readonly #deps: WorkerHoldsDeps;
  #epoch = 0;

  constructor(deps: WorkerHoldsDeps) {
    this.#deps = deps;
  }

  /** Opens a hold. The sweeps of this worker skip its rows until its end. */
  open(): WorkerHold {
    const { ledger, reclaim, self, ...deps } = this.#deps;
    const { instance } = self;
    const taskId = holderIdOf(instance);
    const epoch = ++this.#epoch;
    const records = {
      hold: async (_taskId: string, _epoch: number, rows: Parameters<WorkerLedger['hold']>[1]) => {
        await ledger.hold(instance, rows);
        return null;
      },
    };
    const scope = new Scope({ ...deps, records }, { taskId, epoch, owner: instance });
    const markEnded = reclaim.markRunning(taskId, epoch);
    return {
      ...{ taskId, epoch },
      hold: (resources) => scope.hold(resources),
      end: async () => {
        const { steps, open } = await scope.unwind();
        markEnded((await this.#isClosed(steps)) ? open > 0 : true);
      },
    };
  }

  /** Closes the rows. If Redis fails, they stay open and the next sweep of this worker closes them. */
  async #isClosed(steps: readonly CleanupStep[]): Promise<boolean> {
    const { ledger, observer, self } = this.#deps;
    try {
      await ledger.release(self.instance, steps);
    } catch (error) {
      note(observer, { name: 'fault', where: 'shared resources', error });
      return false;
    }
    for (const step of steps) await this.#tell(step);
    return true;
  }

  async #tell(step: CleanupStep): Promise<void> {
    const { row, kind, actor } = step;
    const told = { name: 'reclaim', taskId: holderIdOf(this.#deps.self.instance), row, kind, actor } as const;
    await during(this.#deps.observer, told, async () => step, endOfCleanup);
  }
}
