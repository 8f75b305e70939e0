import type { Worker } from 'bullmq';
import type { Redis } from '../redis/connection.ts';

/**
 * Takes a lapsed lock of a job again, if no worker has taken the job since: the job is still active and has no lock. BullMQ
 * first moves a stalled job out of the active jobs, and a new owner has its own lock.
 * KEYS lock, active jobs, stalled jobs. ARGV token, duration in ms, id of the job. Returns 1 if the lock is ours.
 */
const REGAIN = `
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
if not redis.call('LPOS', KEYS[2], ARGV[3]) then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
redis.call('SREM', KEYS[3], ARGV[3])
return 1
`;

/** The jobs whose locks are to be renewed, and their tokens in the same order. */
export type Renewal = { jobIds: string[]; tokens: string[] };

/** Renews locks, and takes a lapsed lock again if no worker has taken its job. Resolves with the ids of the lost jobs. */
export async function renewLocks(
  redis: Redis,
  worker: Worker,
  { jobIds, tokens }: Renewal,
  durationMs: number,
): Promise<string[]> {
  const lapsed = new Set(await worker.extendJobLocks(jobIds, tokens, durationMs));
  const regained = jobIds.map(async (jobId, at) => {
    if (!lapsed.has(jobId)) return true;
    const keys = [`${worker.toKey(jobId)}:lock`, worker.toKey('active'), worker.toKey('stalled')];
    return (await redis.eval(REGAIN, keys.length, ...keys, tokens[at] ?? '', durationMs, jobId)) === 1;
  });
  const isKept = await Promise.all(regained);
  return jobIds.filter((_, at) => !isKept[at]);
}
