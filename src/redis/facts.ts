import type { Redis } from 'ioredis';

/** What INFO reports about a Redis; `null` for a fact that it does not report. Sizes in bytes. */
export type RedisFacts = {
  version: string | null;
  maxmemoryPolicy: string | null;
  isAppendOnly: boolean | null;
  /** Whether its last write to disk succeeded. If it failed, Redis refuses all commands that write. */
  isDiskWell: boolean | null;
  isReplica: boolean | null;
  memory: MemoryFacts | null;
};

/** `max` is `maxmemory`, 0 without a limit. `machine` is the memory of its machine, or of its container. */
export type MemoryFacts = { used: number; max: number; machine: number | null };

/** Reads INFO. */
export async function redisFacts(redis: Redis): Promise<RedisFacts> {
  const info = await redis.info();
  const append = field(info, 'aof_enabled');
  const role = field(info, 'role');
  const writes = [field(info, 'aof_last_write_status'), field(info, 'rdb_last_bgsave_status')];
  const [used, max, machine] = [size(info, 'used_memory'), size(info, 'maxmemory'), size(info, 'total_system_memory')];
  return {
    version: field(info, 'valkey_version') ?? field(info, 'redis_version'),
    maxmemoryPolicy: field(info, 'maxmemory_policy'),
    isAppendOnly: append === null ? null : append === '1',
    isDiskWell: writes.includes(null) ? null : writes.every((status) => status === 'ok'),
    isReplica: role === null ? null : role !== 'master',
    memory: used === null || max === null ? null : { used, max, machine },
  };
}

/** By how many ms the clock of Redis is ahead of the clock of this machine. */
export async function clockSkewMs(redis: Redis): Promise<number> {
  const askedAt = Date.now();
  const [seconds, microseconds] = await redis.time();
  const halfway = (askedAt + Date.now()) / 2;
  return Math.round(Number(seconds) * 1000 + Number(microseconds) / 1000 - halfway);
}

function size(info: string, name: string): number | null {
  const text = field(info, name);
  return text !== null && /^\d+$/.test(text) ? Number(text) : null;
}

function field(info: string, name: string): string | null {
  return new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1] ?? null;
}
