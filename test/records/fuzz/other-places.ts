import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { QueueKeys } from 'bullmq';
import type { Redis } from 'ioredis';
import type { Keys } from '../../../src/records/keys.ts';
import type { Victim } from './kinds.ts';

/** Everything that a forged value is written with. `text` is the value as Redis stores it; `score` is a number, if it can be one. */
export type Forged = {
  redis: Redis;
  keys: Keys;
  prefix: string;
  victim: Victim;
  value: unknown;
  text: string;
  score: string;
};

/** A place in Redis that no schema describes. */
export type OtherPlace = { name: string; write: (forged: Forged) => Promise<unknown> };

/** The keys of Errand whose values have no schema, or have names and members beside the values. Groups of keys are not keys. */
type KeyName = keyof Keys;

const BATCH_FIELDS =
  'status total max_concurrent fingerprint context gate too_new_since too_new_looks unserved_at n:succeeded n:failed n:rejected n:cancelled n:calls_of_unknown_cost';
const TASK_FIELDS = 'epoch opening from1 too_new_since too_new_looks';

type Write = OtherPlace['write'];
const fields = (names: string, key: (forged: Forged) => string): Record<string, Write> =>
  Object.fromEntries(
    names.split(' ').map((name) => [name, (forged: Forged) => forged.redis.hset(key(forged), name, forged.text)]),
  );
const text = (key: (forged: Forged) => string): Record<string, Write> => ({
  value: (forged) => forged.redis.set(key(forged), forged.text, 'PX', 10_000),
});

/** For each key, what is written there beside the JSON of the kinds. A new key does not compile until it has an entry. */
const OF_KEY: { [Name in KeyName]: Record<string, Write> } = {
  batch: fields(BATCH_FIELDS, ({ keys, victim }) => keys.batch(victim.batchId)),
  claim: text(({ keys, victim }) => keys.claim(victim.batchId)),
  outcomes: {
    'a field': ({ redis, keys, victim, text: name }) => redis.hset(keys.outcomes(victim.batchId), name, '{}'),
  },
  taskMetadata: {
    'a field': ({ redis, keys, victim, text: name }) => redis.hset(keys.taskMetadata(victim.batchId), name, '{}'),
    'of the task': ({ redis, keys, victim, text: value }) => redis.hset(keys.taskMetadata(victim.batchId), '0', value),
  },
  running: { member: ({ redis, keys, victim, text: member }) => redis.sadd(keys.running(victim.batchId), member) },
  parked: {
    member: ({ redis, keys, victim, text: name }) => redis.zadd(keys.parked(victim.batchId), 0, name),
    'task of the member': ({ redis, keys, victim, text: name }) =>
      redis.zadd(keys.parked(victim.batchId), 0, `${name}@${victim.provider}`),
    'lane of the member': ({ redis, keys, victim, text: name }) =>
      redis.zadd(keys.parked(victim.batchId), 0, `${victim.taskId}@${name}`),
    score: ({ redis, keys, victim, score }) =>
      redis.zadd(keys.parked(victim.batchId), score, `${victim.taskId}@${victim.provider}`),
  },
  resting: {
    member: ({ redis, keys, victim, text: name }) => redis.sadd(keys.resting(victim.batchId), name),
    'lane of the member': ({ redis, keys, victim, text: name }) =>
      redis.sadd(keys.resting(victim.batchId), `${victim.taskId}@${name}`),
  },
  task: fields(TASK_FIELDS, ({ keys, victim }) => keys.task(victim.taskId)),
  turns: { entry: ({ redis, keys, victim, text: entry }) => redis.rpush(keys.turns(victim.taskId), entry) },
  ledger: {
    'row id': ({ redis, keys, victim, text: id }) => redis.hset(keys.ledger(victim.taskId), id, '{}'),
  },
  effects: {
    'call id': ({ redis, keys, victim, text: id }) => redis.hset(keys.effects(victim.taskId), id, '{}'),
  },
  released: { entry: ({ redis, keys, victim, text: entry }) => redis.rpush(keys.released(victim.taskId), entry) },
  openRows: {
    member: ({ redis, keys, victim, text: member }) => redis.zadd(keys.openRows(victim.instance), 0, member),
    'task of the member': ({ redis, keys, victim, text: task }) =>
      redis.zadd(keys.openRows(victim.instance), 0, `${task}/1.client.forged`),
    'row of the member': ({ redis, keys, victim, text: row }) =>
      redis.zadd(keys.openRows(victim.instance), 0, `${victim.taskId}/${row}`),
    score: ({ redis, keys, victim, score }) =>
      redis.zadd(keys.openRows(victim.instance), score, `${victim.taskId}/1.client.forged`),
    instance: ({ redis, keys, victim, text: name }) =>
      redis.zadd(keys.openRows(name), 0, `${victim.taskId}/1.client.forged`),
  },
  workers: { instance: ({ redis, keys, text: name }) => redis.hset(keys.workers(), name, 'null') },
  beats: {
    instance: ({ redis, keys, text: name }) => redis.hset(keys.beats(), name, String(Date.now())),
    'beat of a live worker': ({ redis, keys, victim, text: beat }) => redis.hset(keys.beats(), victim.instance, beat),
  },
  serves: text(({ keys, victim }) => keys.serves(victim.instance)),
  lanesServed: {
    lane: ({ redis, keys, text: lane }) => redis.hset(keys.lanesServed(), lane, '0'),
    time: ({ redis, keys, victim, text: time }) => redis.hset(keys.lanesServed(), victim.provider, time),
  },
  takers: text(({ keys, victim }) => keys.takers(victim.instance)),
  reclaimClaim: text(({ keys, victim }) => keys.reclaimClaim(victim.instance)),
  sweepTurn: text(({ keys }) => keys.sweepTurn()),
  endingClaim: text(({ keys, victim }) => keys.endingClaim(victim.batchId)),
  workerLedger: {
    row: ({ redis, keys, victim, text: row }) =>
      redis.hset(keys.workerLedger(victim.instance), '1.process.mcp-a-1', row),
  },
  toolList: text(({ keys }) => keys.toolList('0'.repeat(32))),
  events: { message: ({ redis, keys, victim, text: message }) => redis.publish(keys.events(victim.batchId), message) },
  cancels: { message: ({ redis, keys, text: message }) => redis.publish(keys.cancels(), message) },
};

/** The fields of a job in Redis, read from the code of BullMQ that decodes them, so that a new field is fuzzed by itself. */
export function jobFields(): string[] {
  const home = dirname(createRequire(import.meta.url).resolve('bullmq/package.json'));
  const code = readFileSync(join(home, 'dist/esm/classes/redis-queue-backend.js'), 'utf8');
  const [, decoding = ''] = code.split('function rawToJobJson(raw)');
  const names = [...decoding.slice(0, decoding.indexOf('\n}')).matchAll(/\braw\.(\w+)/g)].map(([, name = '']) => name);
  return [...new Set(names)].toSorted();
}

/** The options that BullMQ stores with a job, by their names in Redis. */
const JOB_OPTIONS =
  'attempts backoff delay priority lifo removeOnComplete removeOnFail fpof cpof idof rdof kl timestamp jobId parent repeat stackTraceLimit sizeLimit de tm omc prevMillis repeatJobKey'.split(
    ' ',
  );

const jobKey = ({ prefix, victim }: Forged) => `${prefix}:tasks-${victim.provider}:${victim.taskId}`;
const batchJobKey = ({ prefix, victim }: Forged) => `${prefix}:batches:${victim.batchId}`;

async function setOption(forged: Forged, option: string): Promise<unknown> {
  const { redis, value } = forged;
  const opts: Record<string, unknown> = JSON.parse((await redis.hget(jobKey(forged), 'opts')) ?? '{}');
  return redis.hset(jobKey(forged), 'opts', JSON.stringify({ ...opts, [option]: value }));
}

/** Keys of a queue that count, pause or lock for all its jobs. A writer that breaks them stops the queue, and harms no more. */
const OF_ALL_JOBS = new Set(['', 'id', 'meta', 'pc', 'limiter', 'stalled-check', 'repeat', 'de']);
const SORTED = new Set(['waiting-children', 'delayed', 'prioritized', 'completed', 'failed', 'marker']);

/** Adds a job id to a list or a set of the lane of a victim. */
function addJobId(type: string): Write {
  return ({ redis, prefix, victim, text: id, score }) => {
    const key = `${prefix}:tasks-${victim.provider}:${type}`;
    if (SORTED.has(type)) return redis.zadd(key, score, id);
    if (type === 'stalled') return redis.sadd(key, id);
    if (type === 'events') return redis.xadd(key, '*', 'event', id, 'jobId', id);
    return redis.rpush(key, id);
  };
}

/** The names of the lists and sets of a queue that hold ids of jobs. */
export function jobLists(): string[] {
  return Object.keys(new QueueKeys('p').getKeys('q')).filter((type) => !OF_ALL_JOBS.has(type));
}

function named(group: string, writes: Record<string, Write>): OtherPlace[] {
  return Object.entries(writes).map(([name, write]) => ({ name: `${group}: ${name}`, write }));
}

/** Every place of a deployment that no schema describes: names and members of Errand's keys, and what BullMQ stores. */
export function otherPlaces(): OtherPlace[] {
  const beside = {
    dependencies: (forged: Forged) => forged.redis.sadd(`${batchJobKey(forged)}:dependencies`, forged.text),
    processed: (forged: Forged) => forged.redis.hset(`${batchJobKey(forged)}:processed`, forged.text, forged.text),
    failed: (forged: Forged) => forged.redis.hset(`${batchJobKey(forged)}:failed`, forged.text, forged.text),
    unsuccessful: (forged: Forged) => forged.redis.zadd(`${batchJobKey(forged)}:unsuccessful`, 0, forged.text),
    logs: (forged: Forged) => forged.redis.rpush(`${jobKey(forged)}:logs`, forged.text),
    lock: (forged: Forged) => forged.redis.set(`${jobKey(forged)}:lock`, forged.text, 'PX', 5_000),
  };
  return [
    ...Object.entries(OF_KEY).flatMap(([key, writes]) => named(`key ${key}`, writes)),
    ...named('task job', fields(jobFields().join(' '), jobKey)),
    ...named('batch job', fields(jobFields().join(' '), batchJobKey)),
    ...JOB_OPTIONS.map((name) => ({ name: `job option: ${name}`, write: (f: Forged) => setOption(f, name) })),
    ...jobLists().map((type) => ({ name: `list of jobs: ${type}`, write: addJobId(type) })),
    ...named('beside a job', beside),
  ];
}
