import type { Worker } from 'bullmq';
import type { Redis } from '../redis/connection.ts';
import { lua } from '../redis/lua.ts';
import { bool } from '../redis/replies.ts';
import { defineScript } from '../redis/script.ts';

/**
 * Sets a lapsed lock of a job again if no worker has taken the job since: the job is still active and has no lock.
 * BullMQ moves a stalled job out of the active jobs before a worker takes it, and a new owner has its own lock. Returns
 * whether the lock is ours.
 */
const REGAIN = defineScript({
  name: 'REGAIN',
  keys: ['lock', 'active', 'stalled'],
  args: ['token', 'duration_ms', 'job_id'],
  lua: lua`
local holder = redis.call('GET', lock)
if holder and holder ~= token then return 0 end
if not redis.call('LPOS', active, job_id) then return 0 end
redis.call('SET', lock, token, 'PX', duration_ms)
redis.call('SREM', stalled, job_id)
return 1
`,
  reply: bool,
});

/** The jobs whose locks to renew, and their tokens in the same order. */
export type Renewal = { jobIds: string[]; tokens: string[] };

/**
 * Renews locks, and sets a lapsed lock again if no worker has taken its job. Resolves with the ids of the lost jobs.
 */
export async function renewLocks(
  redis: Redis,
  worker: Worker,
  { jobIds, tokens }: Renewal,
  durationMs: number,
): Promise<string[]> {
  const lapsed = new Set(await worker.extendJobLocks(jobIds, tokens, durationMs));
  const regained = jobIds.map(async (jobId, at) => {
    if (!lapsed.has(jobId)) return true;
    const lock = `${worker.toKey(jobId)}:lock`;
    const keys = { lock, active: worker.toKey('active'), stalled: worker.toKey('stalled') };
    return REGAIN.run(redis, { keys, args: { token: tokens[at] ?? '', duration_ms: durationMs, job_id: jobId } });
  });
  const isKept = await Promise.all(regained);
  return jobIds.filter((_, at) => !isKept[at]);
}
