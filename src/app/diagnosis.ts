import type { LaneFacts, RedisFacts } from '../queue/inspection.ts';
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

/** Whether this Node can run Errand. */
export function nodeFinding(version: string): Finding {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const isEnough = major > NODE_VERSION[0] || (major === NODE_VERSION[0] && minor >= NODE_VERSION[1]);
  const message = `Node ${version}`;
  if (isEnough) return { check: 'node', status: 'ok', message };
  return { check: 'node', status: 'fault', message, remedy: `Install Node ${NODE_VERSION.join('.')} or newer.` };
}

/** What is right and wrong with a Redis that answers. */
export function redisFindings({ version, maxmemoryPolicy, isAppendOnly, clockSkewMs }: RedisFacts): Finding[] {
  return [
    versionFinding(version),
    policyFinding(maxmemoryPolicy),
    appendFinding(isAppendOnly),
    Math.abs(clockSkewMs) <= SKEW_MS
      ? { check: 'clock', status: 'ok', message: `${clockSkewMs} ms apart from Redis` }
      : {
          check: 'clock',
          status: 'warning',
          message: `Redis is ${Math.abs(clockSkewMs)} ms ${clockSkewMs > 0 ? 'ahead of' : 'behind'} this machine`,
          remedy: 'Synchronise both clocks (NTP): delays and deadlines are off by that much.',
        },
  ];
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

/** Whether the tasks of a lane have somebody to run them. */
export function laneFinding({ provider, waiting, active, isPaused, workers }: LaneFacts): Finding {
  const check = `lane ${provider}`;
  const message = `${waiting} waiting, ${active} running, ${workers ?? 'an unknown number of'} workers`;
  if (waiting > 0 && workers === 0) {
    const remedy = `Start a worker that knows the provider "${provider}": errand worker.`;
    return { check, status: 'fault', message, remedy };
  }
  if (isPaused) return { check, status: 'warning', message: `${message}, paused`, remedy: 'Resume it in the board.' };
  return { check, status: workers === null ? 'unknown' : 'ok', message };
}

/** Whether the credential of a provider can be read here. A provider without one is unusable only to its own tasks. */
export function keyFinding({ profile, remedy }: ProviderKey): Finding {
  const check = `provider ${profile.name}`;
  if (remedy === null) return { check, status: 'ok', message: `credential ${profile.credential}` };
  return { check, status: 'warning', message: 'no credential', remedy };
}
