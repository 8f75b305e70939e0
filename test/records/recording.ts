import type { Redis } from 'ioredis';

/** Names in a recording for what belongs to a machine. {@link load} replaces them by the names of the place. */
export const RECORDED = {
  workspaceRoot: '/recorded/workspaces',
  tree: '/recorded',
  host: 'recorded-host',
  bootId: 'recorded-boot',
};

/** One key with what it holds. A sorted set lists members and scores alternately. */
export type KeyDump =
  | { key: string; type: 'string'; value: string }
  | { key: string; type: 'list' | 'set' | 'zset'; value: string[] }
  | { key: string; type: 'hash'; value: Record<string, string> };

/** Batches of one version in every state, by the name of the state, and all their keys. */
export type Recording = { prefix: string; batches: Record<string, string>; keys: KeyDump[] };

/** Reads one key; `null` for keys that no reader needs: locks and claims, which lapse, and the streams of the board. */
export async function readKey(redis: Redis, key: string): Promise<KeyDump | null> {
  const type = await redis.type(key);
  const isPassing = /:(lock|claim|stalled-check)$|:reclaim:/.test(key);
  if (isPassing) return null;
  switch (type) {
    case 'string':
      return { key, type, value: (await redis.get(key)) ?? '' };
    case 'list':
      return { key, type, value: await redis.lrange(key, 0, -1) };
    case 'set':
      return { key, type, value: (await redis.smembers(key)).toSorted() };
    case 'zset':
      return { key, type, value: await redis.zrange(key, '0', '-1', 'WITHSCORES') };
    case 'hash':
      return { key, type, value: await redis.hgetall(key) };
    default:
      return null;
  }
}

/** Where a recording is loaded: its prefix, and what belongs to the machine. */
export type Place = { prefix: string; workspaceRoot: string; host: string };

/**
 * Writes a recording under another prefix, as if it had been made there long ago. Jobs that wait for a later time are due at
 * once, all workers have been silent for years, and no key expires.
 */
export async function load(redis: Redis, text: string, place: Place): Promise<Recording> {
  const { prefix }: Recording = JSON.parse(text);
  const moved = text
    .replaceAll(prefix, place.prefix)
    .replaceAll(RECORDED.workspaceRoot, place.workspaceRoot)
    .replaceAll(RECORDED.host, place.host);
  const recording: Recording = JSON.parse(moved);
  const pipeline = redis.pipeline();
  for (const dump of recording.keys) {
    if (dump.type === 'string') pipeline.set(dump.key, dump.value);
    else if (dump.type === 'list') pipeline.rpush(dump.key, ...dump.value);
    else if (dump.type === 'set') pipeline.sadd(dump.key, ...dump.value);
    else if (dump.type === 'hash')
      pipeline.hset(dump.key, dump.key.endsWith(':beats') ? longAgo(dump.value) : dump.value);
    else {
      const isDelayed = dump.key.endsWith(':delayed');
      for (let at = 0; at < dump.value.length; at += 2) {
        pipeline.zadd(dump.key, isDelayed ? 1 : Number(dump.value[at + 1]), dump.value[at] ?? '');
      }
    }
  }
  for (const [error] of (await pipeline.exec()) ?? []) if (error) throw error;
  return recording;
}

function longAgo(beats: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.keys(beats).map((instance) => [instance, '1']));
}
