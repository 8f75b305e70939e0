import { randomUUID } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isoNow } from '../../src/base/clock.ts';
import { taskIdOf } from '../../src/base/ids.ts';
import type { Outcome } from '../../src/contract/outcome.ts';
import { NO_USAGE } from '../../src/contract/usage.ts';
import { type GuardedProcess, startGuarded } from '../../src/processes/guarded-process.ts';
import type { TaskRecords } from '../../src/records/task-records.ts';
import type { Releasers } from '../../src/worker/releasers.ts';
import { Scope } from '../../src/worker/scope.ts';

const OWNER = 'bench.1';

/** What an attempt of the bench is made from. */
export type UnwindTools = {
  tasks: TaskRecords;
  releasers: Releasers;
  workspaceRoot: string;
  guardPath: string;
  path: string;
};

/**
 * One attempt that holds one resource of each kind, a directory with files and a process tree among them; resolves with how
 * long it took to give all back and to write that down, in milliseconds.
 *
 * Throws where anything was left.
 */
export async function timeUnwind(batchId: string, index: number, tools: UnwindTools): Promise<number> {
  const taskId = taskIdOf(batchId, index);
  await tools.tasks.open(taskId, 'openai', 'bench');
  const scope = new Scope(tools.tasks, tools.releasers, { taskId, epoch: 1, owner: OWNER });
  await holdAll(scope, taskId, tools);
  const start = performance.now();
  const cleanup = await scope.unwind();
  await tools.tasks.close(1, outcomeOf(taskId, batchId, index, cleanup), { owner: OWNER, steps: cleanup.steps });
  const took = performance.now() - start;
  if (cleanup.open > 0 || cleanup.steps.length !== 4) throw new Error(JSON.stringify(cleanup));
  return took;
}

async function holdAll(scope: Scope, taskId: string, tools: UnwindTools): Promise<void> {
  const folder = join(tools.workspaceRoot, `${taskId}.1`);
  let tree: GuardedProcess | undefined;
  const tag = randomUUID();
  await scope.hold({
    workspace: {
      kind: 'workspace' as const,
      ref: folder,
      acquire: async () => {
        await mkdir(folder);
        for (const name of ['a', 'b', 'c']) await writeFile(join(folder, name), name);
        tree = await startTree(folder, tag, tools);
      },
    },
  });
  await scope.hold({
    lease: { kind: 'credential_lease' as const, ref: 'env:BENCH', acquire: () => undefined },
    client: {
      kind: 'client' as const,
      ref: 'bench',
      acquire: () => undefined,
      live: () => ({ close: async () => ({ inFlight: 0 }) }),
    },
    process: { kind: 'process' as const, ref: tree?.ref ?? '', acquire: () => undefined },
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

function outcomeOf(taskId: string, batchId: string, index: number, cleanup: Outcome['cleanup']): Outcome {
  return {
    version: 1,
    status: 'succeeded',
    batch_id: batchId,
    task_id: taskId,
    index,
    route: null,
    attempts: [],
    turns: 0,
    tool_calls: 0,
    usage: NO_USAGE,
    cost_usd: 0,
    calls_possibly_paid_twice: 0,
    possibly_paid_twice_usd: 0,
    duration_ms: 0,
    ended_at: isoNow(),
    cleanup,
    answer: { text: 'done', files: [] },
  };
}
