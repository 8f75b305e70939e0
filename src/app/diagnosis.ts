import { counted } from '../base/text.ts';
import { RELEASE_WITHIN_MS } from '../contract/cleanup.ts';
import type { ErrandError } from '../errors.ts';
import type { LaneFacts, RightsFacts } from '../queue/inspection.ts';
import type { MemoryFacts, RedisFacts } from '../redis/facts.ts';
import { grantOf } from '../redis/refusal.ts';
import { plainHttpTrouble } from './plain-http.ts';
import type { ProviderKey } from './provider-keys.ts';

/** The result of one check. A `fault` stops Errand from working; a `warning` can cause trouble later. */
export type Finding = {
  check: string;
  status: 'ok' | 'warning' | 'fault' | 'unknown';
  message: string;
  /** How to fix it, if there is something to fix. */
  remedy?: string;
};

const NODE_VERSION = [22, 19] as const;
const REDIS_VERSION = 7;
/** Redis and this machine both use deadlines and delays. Smaller differences of their clocks have no visible effect. */
const SKEW_MS = 1_000;
/** The share of maxmemory from which the memory check warns. */
const MEMORY_WARNING = 0.8;
/** A failover takes up to about this long: a failure is noticed within 5 to 15 s, then clients follow. */
const FAILOVER_MS = 30_000;
/** The longest reasonable wait of a task whose worker died. */
const MAX_LOCK_MS = 600_000;
/** The time that Kubernetes gives a process after SIGTERM by default. */
const TERMINATION_MS = 30_000;
/** The time that a supervisor should wait after the grace period: enough for two slow releases. */
export const RELEASE_MS = 2 * RELEASE_WITHIN_MS;

/** Checks whether this version of Node can run Errand. */
export function nodeFinding(version: string): Finding {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const isEnough = major > NODE_VERSION[0] || (major === NODE_VERSION[0] && minor >= NODE_VERSION[1]);
  const message = `Node ${version}`;
  if (isEnough) return { check: 'node', status: 'ok', message };
  return { check: 'node', status: 'fault', message, remedy: `Install Node ${NODE_VERSION.join('.')} or newer.` };
}

/** Checks the settings and the state of a Redis that answers. */
export function redisFindings(facts: RedisFacts): Finding[] {
  return [
    versionFinding(facts.version),
    policyFinding(facts.maxmemoryPolicy),
    roleFinding(facts.isReplica),
    appendFinding(facts.isAppendOnly),
    diskFinding(facts.isDiskWell),
    memoryFinding(facts.memory),
  ];
}

/**
 * Makes the finding of a failed check. A check that Redis denied is not a fault if the user has the rights of a role:
 * the user of a producer does not need the right to list workers.
 */
export function failedFinding(check: string, error: ErrandError, rights: RightsFacts | null = null): Finding {
  const { code, message, remedy } = error;
  if (code !== 'REDIS_DENIED') return { check, status: 'fault', message, remedy };
  return { check, status: hasRole(rights) ? 'unknown' : 'fault', message, remedy: lookRemedy(rights) };
}

const AS_OPERATOR =
  'For this check, set REDIS_URL to a user with the rights of an operator (such as errand-operator): docs/explanations/redis.md#users.';

/** Says how to allow a denied check. A user that has a role gets no more rights: an operator uses a separate user. */
function lookRemedy(rights: RightsFacts | null): string {
  if (rights === null || hasRole(rights)) return AS_OPERATOR;
  const missing = rights.missing.find(({ role }) => role === 'operator')?.rights ?? [];
  return missing.length > 0 ? grantOf(rights.user, missing) : AS_OPERATOR;
}

function hasRole(rights: RightsFacts | null): boolean {
  return rights?.missing.some((role) => role.rights?.length === 0) ?? false;
}

/** Compares the clock of Redis with the clock of this machine. `skewMs` is above 0 if Redis is ahead. */
export function clockFinding(skewMs: number): Finding {
  if (Math.abs(skewMs) <= SKEW_MS)
    return { check: 'clock', status: 'ok', message: `${Math.abs(skewMs)} ms apart from Redis` };
  return {
    check: 'clock',
    status: 'warning',
    message: `the clock of Redis is ${Math.abs(skewMs)} ms ${skewMs > 0 ? 'ahead of' : 'behind'} this machine`,
    remedy: 'Synchronise both clocks with NTP: delays and deadlines are wrong by this difference.',
  };
}

/**
 * Reports the roles whose rights the Redis user has. If there is no such role, the remedy completes the nearest role.
 */
export function rightsFinding({ user, missing }: RightsFacts): Finding {
  const check = 'redis rights';
  const known = missing.flatMap(({ role, rights }) => (rights === null ? [] : [{ role, rights }]));
  if (known.length === 0) return { check, status: 'unknown', message: 'Redis does not report the rights of the user' };
  const enough = known.filter(({ rights }) => rights.length === 0).map(({ role }) => role);
  const others = known.filter(({ rights }) => rights.length > 0).sort((a, b) => a.rights.length - b.rights.length);
  const [nearest] = others;
  if (nearest === undefined) return { check, status: 'ok', message: `the user "${user}" has the rights of every role` };
  if (enough.length > 0)
    return { check, status: 'ok', message: `the user "${user}" has the rights of: ${enough.join(', ')}` };
  const message = `the user "${user}" has the rights of no role; for ${nearest.role} it lacks ${nearest.rights.join(' ')}`;
  return { check, status: 'fault', message, remedy: grantOf(user, nearest.rights) };
}

function memoryFinding(memory: MemoryFacts | null): Finding {
  const check = 'redis memory';
  if (memory === null) return { check, status: 'unknown', message: 'used_memory and maxmemory are not in INFO' };
  const { used, max, machine } = memory;
  const limit = max > 0 ? max : machine;
  const what = max > 0 ? 'maxmemory' : 'memory of its machine';
  if (limit === null) return { check, status: 'ok', message: `${mib(used)} used, no maxmemory` };
  const message = `${mib(used)} used, ${Math.floor((100 * used) / limit)} % of ${what} (${mib(limit)})${max > 0 ? '' : '; maxmemory is 0'}`;
  if (used < MEMORY_WARNING * limit) return { check, status: 'ok', message };
  const remedy =
    max > 0
      ? 'Raise maxmemory, or lower tasks.retention_days: a full Redis refuses every write.'
      : 'Set maxmemory, and give Redis more memory: the system kills a Redis that uses all memory of its machine.';
  return { check, status: max > 0 && used >= max ? 'fault' : 'warning', message, remedy };
}

function mib(bytes: number): string {
  return `${Math.round(bytes / 2 ** 20)} MiB`;
}

function versionFinding(version: string | null): Finding {
  const check = 'redis version';
  if (version === null) return { check, status: 'unknown', message: 'redis_version is not in INFO' };
  if (Number.parseInt(version, 10) >= REDIS_VERSION) return { check, status: 'ok', message: version };
  return { check, status: 'fault', message: version, remedy: `Upgrade to Redis ${REDIS_VERSION} or newer.` };
}

function policyFinding(policy: string | null): Finding {
  const check = 'redis eviction';
  if (policy === null) return { check, status: 'unknown', message: 'maxmemory_policy is not in INFO' };
  if (policy === 'noeviction') return { check, status: 'ok', message: policy };
  const remedy = 'Set maxmemory-policy noeviction: with any other policy, a full Redis deletes tasks and records.';
  return { check, status: 'fault', message: `maxmemory-policy is ${policy}`, remedy };
}

function appendFinding(isAppendOnly: boolean | null): Finding {
  const check = 'redis durability';
  if (isAppendOnly === null) return { check, status: 'unknown', message: 'aof_enabled is not in INFO' };
  if (isAppendOnly) return { check, status: 'ok', message: 'append-only file on' };
  const remedy = 'Set appendonly yes: without it, a restart of Redis loses everything since its last snapshot.';
  return { check, status: 'warning', message: 'append-only file off', remedy };
}

function roleFinding(isReplica: boolean | null): Finding {
  const check = 'redis role';
  if (isReplica === null) return { check, status: 'unknown', message: 'role is not in INFO' };
  if (!isReplica) return { check, status: 'ok', message: 'master' };
  const remedy = 'Set REDIS_URL to the master, or to a name that follows it: a replica refuses every write.';
  return { check, status: 'fault', message: 'a replica', remedy };
}

function diskFinding(isDiskWell: boolean | null): Finding {
  const check = 'redis disk';
  if (isDiskWell === null) return { check, status: 'unknown', message: 'the status of its disk writes is not in INFO' };
  if (isDiskWell) return { check, status: 'ok', message: 'its last writes succeeded' };
  const remedy =
    'Free space on the disk of Redis, or correct its permissions: Redis may refuse commands until a write succeeds.';
  return { check, status: 'fault', message: 'its last write to disk failed', remedy };
}

/** Checks the lock and the drain of a worker for a failover of Redis, the death of a worker, and the stop of a pod. */
export function workerFindings(worker: { lock_duration_ms: number; drain_grace_ms: number }): Finding[] {
  return [lockFinding(worker.lock_duration_ms), drainFinding(worker.drain_grace_ms)];
}

function lockFinding(lockMs: number): Finding {
  const check = 'worker lock';
  const message = `lock_duration_ms ${lockMs}`;
  if (lockMs < FAILOVER_MS) {
    const remedy = `Set worker.lock_duration_ms to ${FAILOVER_MS} or more: a failover of Redis aborts every attempt with a shorter lock.`;
    return { check, status: 'warning', message, remedy };
  }
  if (lockMs <= MAX_LOCK_MS) return { check, status: 'ok', message };
  const remedy = `Set worker.lock_duration_ms to ${MAX_LOCK_MS} or less: the tasks of a killed worker wait for this time.`;
  return { check, status: 'warning', message, remedy };
}

function drainFinding(graceMs: number): Finding {
  const check = 'worker drain';
  const message = `drain_grace_ms ${graceMs}`;
  const neededMs = graceMs + RELEASE_MS;
  if (neededMs <= TERMINATION_MS) return { check, status: 'ok', message };
  const remedy = `Set the stop timeout of the worker to ${Math.ceil(neededMs / 1000)} s or more (terminationGracePeriodSeconds, stop_grace_period), or lower worker.drain_grace_ms: if a draining worker is killed, its tasks wait until their locks expire.`;
  return { check, status: 'warning', message, remedy };
}

/** Checks whether a worker can create workspaces here; `whyNot` says why not. The workers may run on other machines. */
export function workspaceFinding(root: string, whyNot: string | null): Finding {
  const check = 'worker workspaces';
  if (whyNot === null) return { check, status: 'ok', message: root };
  const remedy = 'If workers run on this machine, set worker.workspace_root to a directory that they can write.';
  return { check, status: 'warning', message: whyNot, remedy };
}

/** Checks whether a lane has workers for its tasks. */
export function laneFinding(lane: LaneFacts, rights: RightsFacts | null = null): Finding {
  const { provider, active, isPaused, workers } = lane;
  const waiting = lane.waiting + lane.delayed;
  const check = `lane ${provider}`;
  const serving = typeof workers === 'number' ? counted(workers, 'worker') : 'an unknown number of workers';
  const paused = isPaused ? ', paused' : '';
  const message = `${waiting} waiting, ${active} running, ${serving}${paused}`;
  const resume = isPaused ? ' Resume the lane in the board.' : '';
  if (waiting + active > 0 && workers === 0) {
    const remedy = `Start a worker that has the provider "${provider}" in its configuration: errand worker.${resume}`;
    return { check, status: 'fault', message, remedy };
  }
  if (workers === 0) {
    const remedy = `Start a worker that has the provider "${provider}" in its configuration before you enqueue tasks: errand worker.${resume}`;
    return { check, status: 'warning', message: `no worker${paused}`, remedy };
  }
  if (isPaused) return { check, status: 'warning', message, remedy: 'Resume the lane in the board.' };
  if (typeof workers === 'number') return { check, status: 'ok', message };
  return { check, status: 'unknown', message, ...(workers !== null && { remedy: lookRemedy(rights) }) };
}

/** Checks a provider without a request: whether its credential can be read here, and whether its transport is safe. */
export function providerFindings(key: ProviderKey): Finding[] {
  const trouble = plainHttpTrouble(key.provider);
  const check = `provider ${key.provider.name} transport`;
  return [keyFinding(key), ...(trouble ? [{ check, status: 'warning' as const, ...trouble }] : [])];
}

/**
 * Checks whether the credential of a provider can be read here. A missing credential only affects tasks of this
 * provider.
 */
function keyFinding({ provider, remedy }: ProviderKey): Finding {
  const check = `provider ${provider.name}`;
  if (remedy === null) return { check, status: 'ok', message: `credential ${provider.credential}` };
  return {
    check,
    status: 'warning',
    message: `${provider.credential} is not set in this shell; a worker may have it`,
    remedy,
  };
}
