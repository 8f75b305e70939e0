import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isoNow } from '../../src/base/clock.ts';
import type { Deployment } from '../../src/base/deployment.ts';
import { taskIdOf } from '../../src/base/ids.ts';
import type { Redactor } from '../../src/base/secret.ts';
import { type GuardedProcess, startGuarded } from '../../src/processes/guarded-process.ts';
import { processTagOf } from '../../src/processes/tag.ts';
import type { TaskRecords } from '../../src/records/task-records.ts';
import type { Observer } from '../../src/telemetry/observer.ts';
import { workspacePathOf } from '../../src/tools/workspace/kind.ts';
import { outcomeOf } from '../../src/worker/ending/outcome.ts';
import type { Releasers } from '../../src/worker/holding/releasers.ts';
import { Scope } from '../../src/worker/holding/scope.ts';

const OWNER = 'bench.1';

/** The parts of an attempt of the bench. */
export type UnwindTools = {
  redactor: Redactor;
  tasks: TaskRecords;
  releasers: Releasers;
  observer: Observer;
  deployment: Deployment;
  guardPath: string;
  path: string;
};

/**
 * Runs one attempt that holds one resource of each kind, including a directory with files and a process tree. Resolves with the
 * time to release all of them and to record that, in milliseconds.
 *
 * Throws if anything is left.
 */
export async function timeUnwind(batchId: string, index: number, tools: UnwindTools): Promise<number> {
  const taskId = taskIdOf(batchId, index);
  await tools.tasks.open(taskId, 'openai', 'bench');
  const scope = new Scope({ ...tools, records: tools.tasks }, { taskId, epoch: 1, owner: OWNER });
  await holdAll(scope, taskId, tools);
  const start = performance.now();
  const cleanup = await scope.unwind();
  const attempts = [{ epoch: 1, worker: 'bench', turns_before: 0, started_at: isoNow(), cleanup }];
  const history = { attempts, checkpoints: [], effects: [], cutSpends: new Map(), isUnreadable: false };
  const answer = { text: 'done', files: [] };
  const bounds = { maxCostOf: () => null, maxInputTokens: null };
  const facts = { taskId, batchId, index, route: null, ...history, answer, bounds };
  const outcome = outcomeOf({ status: 'succeeded' }, facts);
  await tools.tasks.close(1, outcome, { owner: OWNER, steps: cleanup.steps });
  const took = performance.now() - start;
  if (cleanup.open > 0 || cleanup.steps.length !== 4) throw new Error(JSON.stringify(cleanup));
  return took;
}

async function holdAll(scope: Scope, taskId: string, tools: UnwindTools): Promise<void> {
  const folder = workspacePathOf(tools.deployment, taskId, 1);
  await scope.hold({
    workspace: {
      kind: 'workspace' as const,
      ref: folder,
      acquire: async () => {
        await mkdir(folder);
        for (const name of ['a', 'b', 'c']) await writeFile(join(folder, name), name);
      },
    },
  });
  const tree = await startTree(folder, processTagOf(tools.deployment, taskId, '1.process.1'), tools);
  await scope.hold({
    lease: { kind: 'credential_lease' as const, ref: 'env:BENCH', acquire: () => undefined },
    client: {
      kind: 'client' as const,
      ref: 'bench',
      acquire: () => undefined,
      live: () => ({ close: async () => ({ inFlight: 0 }) }),
    },
    process: { kind: 'process' as const, ref: tree.ref, acquire: () => undefined },
  });
}

/** A shell over a `sleep`, behind the guard as a tool's would be. */
async function startTree(cwd: string, tag: string, { guardPath, path }: UnwindTools): Promise<GuardedProcess> {
  const tree = await startGuarded({
    command: 'sh',
    args: ['-c', 'sleep 600 & echo up; wait'],
    cwd,
    environment: { PATH: path },
    tag,
    graceMs: 2_000,
    guardPath,
  });
  await new Promise((resolve) => tree.stdout.once('data', resolve));
  return tree;
}
