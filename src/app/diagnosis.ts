import { RELEASE_WITHIN_MS } from '../contract/cleanup.ts';
import type { ErrandError } from '../errors.ts';
import type { LaneFacts, RightsFacts } from '../queue/inspection.ts';
import type { MemoryFacts, RedisFacts } from '../redis/facts.ts';
import { grantOf } from '../redis/refusal.ts';
import { plainHttpTrouble } from './plain-http.ts';
import type { ProviderKey } from './provider-keys.ts';

/** One thing that was looked at. A `fault` keeps Errand from working; a `warning` will hurt some day. */
export type Finding = {
  check: string;
  status: 'ok' | 'warning' | 'fault' | 'unknown';
  message: string;
  /** How to mend it, where there is something to mend. */
  remedy?: string;
};

const NODE_VERSION = [22, 19] as const;
const REDIS_VERSION = 7;
/** Deadlines and delays are set by one clock and kept by another; below this nobody notices. */
const SKEW_MS = 1_000;
/** The share of maxmemory from which a full Redis is near. */
const MEMORY_WARNING = 0.8;
/** A failover takes about as long: Sentinel and managed services notice within 5 to 15 s, and clients follow. */
const FAILOVER_MS = 30_000;
/** What a task of a dead worker waits for the lock before people call it lost. */
const MAX_LOCK_MS = 600_000;
/** What Kubernetes gives a process after SIGTERM if nothing is set. */
const TERMINATION_MS = 30_000;
/** What a supervisor should wait beyond the grace: time for two releases that use all of their limit. */
export const RELEASE_MS = 2 * RELEASE_WITHIN_MS;

/** Whether this Node can run Errand. */
export function nodeFinding(version: string): Finding {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const isEnough = major > NODE_VERSION[0] || (major === NODE_VERSION[0] && minor >= NODE_VERSION[1]);
  const message = `Node ${version}`;
  if (isEnough) return { check: 'node', status: 'ok', message };
  return { check: 'node', status: 'fault', message, remedy: `Install Node ${NODE_VERSION.join('.')} or newer.` };
}

/** What is right and wrong with a Redis that answers. */
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
 * A look that failed, as a finding of its own. A look that Redis denied is no fault if the user has the rights of a role: the
 * user of a producer needs no right to look at workers.
 */
export function failedFinding(check: string, error: ErrandError, rights: RightsFacts | null = null): Finding {
  const { code, message, remedy } = error;
  if (code !== 'REDIS_DENIED') return { check, status: 'fault', message, remedy };
  return { check, status: hasRole(rights) ? 'unknown' : 'fault', message, remedy: lookRemedy(rights) };
}

const AS_OPERATOR =
  'For this look, put a user with the rights of an operator into REDIS_URL, such as errand-operator: docs/explanations/redis.md#users.';

/** How to make a denied look possible. A user that has a role gets no further rights: an operator has a user of its own. */
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
  if (Math.abs(skewMs) <= SKEW_MS) return { check: 'clock', status: 'ok', message: `${skewMs} ms apart from Redis` };
  return {
    check: 'clock',
    status: 'warning',
    message: `Redis is ${Math.abs(skewMs)} ms ${skewMs > 0 ? 'ahead of' : 'behind'} this machine`,
    remedy: 'Synchronise both clocks (NTP): delays and deadlines are off by that much.',
  };
}

/** Says for which roles the user of Redis has the rights. Without any whole role, mends the role that lacks the fewest. */
export function rightsFinding({ user, missing }: RightsFacts): Finding {
  const check = 'redis rights';
  const known = missing.flatMap(({ role, rights }) => (rights === null ? [] : [{ role, rights }]));
  if (known.length === 0) return { check, status: 'unknown', message: 'Redis does not tell the rights of its user' };
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
  if (memory === null) return { check, status: 'unknown', message: 'INFO does not tell used_memory and maxmemory' };
  const { used, max, machine } = memory;
  const limit = max > 0 ? max : machine;
  const what = max > 0 ? 'maxmemory' : 'memory of its machine (maxmemory is 0)';
  if (limit === null) return { check, status: 'ok', message: `${mib(used)} used, no maxmemory` };
  const message = `${mib(used)} of ${mib(limit)} ${what} used (${Math.floor((100 * used) / limit)} %)`;
  if (used < MEMORY_WARNING * limit) return { check, status: 'ok', message };
  const remedy =
    max > 0
      ? 'Raise maxmemory, or lower tasks.retention_days: a Redis whose memory is full refuses every write.'
      : 'Set maxmemory, and give Redis more memory: a Redis that takes all memory of its machine is killed.';
  return { check, status: max > 0 && used >= max ? 'fault' : 'warning', message, remedy };
}

function mib(bytes: number): string {
  return `${Math.round(bytes / 2 ** 20)} MiB`;
}

function versionFinding(version: string | null): Finding {
  const check = 'redis version';
  if (version === null) return { check, status: 'unknown', message: 'INFO does not tell it' };
  if (Number.parseInt(version, 10) >= REDIS_VERSION) return { check, status: 'ok', message: version };
  return { check, status: 'fault', message: version, remedy: `Upgrade to Redis ${REDIS_VERSION} or newer.` };
}

function policyFinding(policy: string | null): Finding {
  const check = 'redis eviction';
  if (policy === null) return { check, status: 'unknown', message: 'INFO does not tell maxmemory_policy' };
  if (policy === 'noeviction') return { check, status: 'ok', message: policy };
  const remedy = 'Set maxmemory-policy noeviction: with any other, a full Redis throws tasks and records away.';
  return { check, status: 'fault', message: `maxmemory-policy is ${policy}`, remedy };
}

function appendFinding(isAppendOnly: boolean | null): Finding {
  const check = 'redis durability';
  if (isAppendOnly === null) return { check, status: 'unknown', message: 'INFO does not tell aof_enabled' };
  if (isAppendOnly) return { check, status: 'ok', message: 'append-only file on' };
  const remedy = 'Set appendonly yes: without it a restart of Redis loses what came after its last snapshot.';
  return { check, status: 'warning', message: 'append-only file off', remedy };
}

function roleFinding(isReplica: boolean | null): Finding {
  const check = 'redis role';
  if (isReplica === null) return { check, status: 'unknown', message: 'INFO does not tell role' };
  if (!isReplica) return { check, status: 'ok', message: 'master' };
  const remedy = 'Point REDIS_URL at the master, or at a name that follows it: a replica refuses every write.';
  return { check, status: 'fault', message: 'a replica', remedy };
}

function diskFinding(isDiskWell: boolean | null): Finding {
  const check = 'redis disk';
  if (isDiskWell === null) return { check, status: 'unknown', message: 'INFO does not tell the status of its writes' };
  if (isDiskWell) return { check, status: 'ok', message: 'its last writes succeeded' };
  const remedy =
    'Make room on the disk of Redis, or mend its permissions: until a write succeeds it may refuse commands.';
  return { check, status: 'fault', message: 'its last write to disk failed', remedy };
}

/** What the lock and the drain of a worker cost when Redis fails over, a worker dies, or a pod is told to go. */
export function workerFindings(worker: { lock_duration_ms: number; drain_grace_ms: number }): Finding[] {
  return [lockFinding(worker.lock_duration_ms), drainFinding(worker.drain_grace_ms)];
}

function lockFinding(lockMs: number): Finding {
  const check = 'worker lock';
  const message = `lock_duration_ms ${lockMs}`;
  if (lockMs < FAILOVER_MS) {
    const remedy = `Set worker.lock_duration_ms to ${FAILOVER_MS} or more: a failover of Redis aborts every attempt whose lock is shorter.`;
    return { check, status: 'warning', message, remedy };
  }
  if (lockMs <= MAX_LOCK_MS) return { check, status: 'ok', message };
  const remedy = `Set worker.lock_duration_ms to ${MAX_LOCK_MS} or less: the tasks of a killed worker wait that long.`;
  return { check, status: 'warning', message, remedy };
}

function drainFinding(graceMs: number): Finding {
  const check = 'worker drain';
  const message = `drain_grace_ms ${graceMs}`;
  const neededMs = graceMs + RELEASE_MS;
  if (neededMs <= TERMINATION_MS) return { check, status: 'ok', message };
  const remedy = `Let whoever stops the worker wait ${Math.ceil(neededMs / 1000)} s or more (terminationGracePeriodSeconds, stop_grace_period), or lower worker.drain_grace_ms: one that is killed while it drains leaves its tasks to wait for their locks.`;
  return { check, status: 'warning', message, remedy };
}

/** Whether a worker could make workspaces here; `whyNot` says what is in its way. The workers may run elsewhere. */
export function workspaceFinding(root: string, whyNot: string | null): Finding {
  const check = 'worker workspaces';
  if (whyNot === null) return { check, status: 'ok', message: root };
  const remedy = 'Where workers run here, set worker.workspace_root to a directory that they can write.';
  return { check, status: 'warning', message: whyNot, remedy };
}

/** Whether the tasks of a lane have somebody to run them. */
export function laneFinding(lane: LaneFacts, rights: RightsFacts | null = null): Finding {
  const { provider, active, isPaused, workers } = lane;
  const waiting = lane.waiting + lane.delayed;
  const check = `lane ${provider}`;
  const count = typeof workers === 'number' ? workers : 'an unknown number of';
  const paused = isPaused ? ', paused' : '';
  const message = `${waiting} waiting, ${active} running, ${count} workers${paused}`;
  const resume = isPaused ? ' Resume the lane in the board.' : '';
  if (waiting + active > 0 && workers === 0) {
    const remedy = `Start a worker that knows the provider "${provider}": errand worker.${resume}`;
    return { check, status: 'fault', message, remedy };
  }
  if (workers === 0) {
    const remedy = `Start a worker that has the provider "${provider}" in its configuration before tasks come: errand worker.${resume}`;
    return { check, status: 'warning', message: `no worker${paused}`, remedy };
  }
  if (isPaused) return { check, status: 'warning', message, remedy: 'Resume it in the board.' };
  if (typeof workers === 'number') return { check, status: 'ok', message };
  return { check, status: 'unknown', message, ...(workers !== null && { remedy: lookRemedy(rights) }) };
}

/** What is known of a provider without asking it: whether its credential can be read here, and how it is reached. */
export function providerFindings(key: ProviderKey): Finding[] {
  const trouble = plainHttpTrouble(key.provider);
  const check = `provider ${key.provider.name} transport`;
  return [keyFinding(key), ...(trouble ? [{ check, status: 'warning' as const, ...trouble }] : [])];
}

/** Whether the credential of a provider can be read here. A provider without one is unusable only to its own tasks. */
function keyFinding({ provider, remedy }: ProviderKey): Finding {
  const check = `provider ${provider.name}`;
  if (remedy === null) return { check, status: 'ok', message: `credential ${provider.credential}` };
  return { check, status: 'warning', message: 'no credential in this shell', remedy };
}
