import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isoNow } from '../../src/base/clock.ts';
import { newBatchId, taskIdOf } from '../../src/base/ids.ts';
import type { BatchRecords } from '../../src/records/batch-records.ts';
import type { TaskRecords } from '../../src/records/task-records.ts';

/** Where to put the other attempts. */
export type CrowdPlace = { dir: string; workspaceRoot: string; batches: BatchRecords; tasks: TaskRecords };

/** Puts `size` other attempts with two open rows each, `size` directories and `size` processes on the machine. */
export async function gather(size: number, place: CrowdPlace): Promise<{ leave: () => Promise<void> }> {
  const batchId = await openAttempts(size, place);
  for (let index = 0; index < size; index++) await mkdir(join(place.workspaceRoot, `${taskIdOf(batchId, index)}.1`));
  return startProcesses(size, place.dir);
}

/** Attempts of a worker on another machine. */
async function openAttempts(size: number, { batches, tasks }: CrowdPlace): Promise<string> {
  const batchId = newBatchId();
  await createBatch(batches, batchId, size);
  const at = isoNow();
  const held = { status: 'acquired', epoch: 1, owner: 'elsewhere.1', intent_at: at, acquired_at: at } as const;
  for (let index = 0; index < size; index++) {
    const taskId = taskIdOf(batchId, index);
    await tasks.open(taskId, 'openai', 'elsewhere');
    await tasks.hold(taskId, 1, [
      { id: '1.workspace', entry: { ...held, kind: 'workspace', ref: `/elsewhere/${taskId}` } },
      { id: '1.lease', entry: { ...held, kind: 'credential_lease', ref: 'env:ELSEWHERE' } },
    ]);
  }
  return batchId;
}

/** Writes the record of a batch. */
export async function createBatch(batches: BatchRecords, batchId: string, total: number): Promise<void> {
  const named = { version: 1, batch_id: batchId, name: 'bench', admission: 'task', enqueued_at: isoNow() } as const;
  await batches.create({ ...named, total, routes: [] }, '', batchId);
  await batches.seal(batchId);
}

async function startProcesses(size: number, dir: string): Promise<{ leave: () => Promise<void> }> {
  const program = join(dir, 'crowd');
  execFileSync('cc', ['-O1', '-o', program, join(import.meta.dirname, 'crowd.c')]);
  const parent = spawn(program, [String(size)], { stdio: ['pipe', 'pipe', 'inherit'] });
  const exited = once(parent, 'exit');
  const [line] = await Promise.race([once(parent.stdout, 'data'), exited.then(() => [''])]);
  if (String(line) !== 'there\n') throw new Error(`expected ${size} processes; they could not be started`);
  const leave = async () => {
    parent.stdin.end();
    await exited;
  };
  return { leave };
}
