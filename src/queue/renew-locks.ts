import type { Worker } from 'bullmq';
import type { Redis } from 'ioredis';

/**
 * Takes a lapsed lock of a job again, if no one has taken the job since: it is still among the active ones and nobody has its
 * lock. One that stalled is first moved out of them, and a new owner has a lock of its own.
 * KEYS lock, active jobs, stalled jobs. ARGV token, duration in ms, id of the job. Returns 1 where the lock is ours.
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

/**
 * Renews locks, and takes those again that lapsed while nobody took their jobs. Resolves with the ids of the jobs that are
 * lost.
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
    const keys = [`${worker.toKey(jobId)}:lock`, worker.toKey('active'), worker.toKey('stalled')];
    return (await redis.eval(REGAIN, keys.length, ...keys, tokens[at] ?? '', durationMs, jobId)) === 1;
  });
  const isKept = await Promise.all(regained);
  return jobIds.filter((_, at) => !isKept[at]);
}
