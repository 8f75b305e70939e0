import { expect, test } from 'vitest';
import { taskIdOf } from '../../src/base/ids.ts';
import { Redactor } from '../../src/base/secret.ts';
import { BATCH_QUEUE, GATE_QUEUE, providerOf } from '../../src/queue/names.ts';
import { KEY_FAMILIES, type KeyFamily, Keys } from '../../src/records/keys.ts';
import { TaskRecords } from '../../src/records/task-records.ts';
import { WorkerRecords } from '../../src/records/worker-records.ts';
import { identifyWorker } from '../../src/worker/holding/identity.ts';
import { aDeployment } from '../helpers/deployment.ts';
import { mcpServer } from '../helpers/mcp-servers.ts';
import { openRedis } from '../helpers/redis.ts';
import { startRedisServer } from '../helpers/redis-server.ts';
import { attemptOf, effectOf } from './samples.ts';

const PREFIX = '{families}';
const NAMES = Object.keys(KEY_FAMILIES) as KeyFamily[];

/** The type of a key, by the event that Redis tells of a write to it. */
const TYPES: Readonly<Record<string, string>> = {
  hset: 'hash',
  hincrby: 'hash',
  rpush: 'list',
  sadd: 'set',
  zadd: 'zset',
  set: 'string',
};

/** What was seen of a key: its type, and that it was given an expiry. */
type Seen = { type?: string; expires?: boolean };

/** The families whose form a key has. */
function familiesOf(key: string): KeyFamily[] {
  const keys = new Keys(PREFIX);
  return NAMES.filter((name) => KEY_FAMILIES[name].type !== 'channel' && hasForm(key, keys[name]('ID')));
}

/** Tells whether a key is like this one, with the id of another batch, task or worker in the place of `ID`. */
function hasForm(key: string, form: string): boolean {
  const [before = '', after] = form.split('ID');
  if (after === undefined) return key === form;
  const id = key.slice(before.length, key.length - after.length);
  return key === `${before}${id}${after}` && id !== '' && !id.includes(':');
}

/** A deployment with a Redis of its own, which tells of every write, also of those in scripts. */
async function aWatchedDeployment() {
  const { url } = await startRedisServer();
  const redis = openRedis(url);
  await redis.config('SET', 'notify-keyspace-events', 'EA');
  const seen = new Map<string, Seen>();
  const watcher = openRedis(url);
  watcher.on('pmessage', (_, channel: string, key: string) => {
    const event = channel.slice(channel.lastIndexOf(':') + 1);
    const known = seen.get(key) ?? {};
    seen.set(key, {
      ...known,
      ...(event in TYPES && { type: TYPES[event] }),
      ...(event === 'expire' && { expires: true }),
    });
  });
  await watcher.psubscribe('__keyevent@*');
  const deployment = await aDeployment({ prefix: PREFIX, settings: { redis_url: url } });
  return { ...deployment, redis, seen, allSeen: () => watcher.ping() };
}

test('every key that Errand writes is in one family, and has its type and expiry', async () => {
  const { producer, startWorker, settings, redis, seen, allSeen } = await aWatchedDeployment();
  const tasks = new TaskRecords(redis, PREFIX, new Redactor());
  const workers = new WorkerRecords(redis, PREFIX);
  const turn = '[[sim: tool=list_files args={}]] [[sim: status=500 times=1]] [[sim: text="done"]]';
  const common = {
    goal: `Run ${turn}`,
    provider: 'openai',
    toolsets: ['workspace', 'mcp:plain'],
    metadata: { line: 1 },
  };
  const { batch_id: runs } = await producer.enqueue({ max_concurrent: 1, tasks: [common, common] });
  const { batch_id: unserved } = await producer.enqueue({ goal: 'Never runs', provider: 'local' });

  // A worker that died with an open row of a task, and one that handed its task back amid a call with an effect.
  const dead = { ...(await identifyWorker('dead')), instance: 'dead.1', birth: '1' };
  await workers.register(dead);
  await tasks.open(taskIdOf(runs, 0), 'openai', dead.name);
  const at = new Date().toISOString();
  const row = { status: 'acquired', kind: 'client', ref: 'h', epoch: 1, owner: dead.instance } as const;
  await tasks.hold(taskIdOf(runs, 0), 1, [{ id: '1.client.h', entry: { ...row, intent_at: at, acquired_at: at } }]);
  await tasks.open(taskIdOf(unserved, 0), 'local', 'w');
  await tasks.journal(taskIdOf(unserved, 0), 1, effectOf('1.1'));
  await tasks.endAttempt(taskIdOf(unserved, 0), attemptOf(1, 'handed_back'));

  const { openai } = settings.providers as Record<string, unknown>;
  await startWorker({}, { providers: { openai }, mcp: { plain: mcpServer('plain', { isolation: 'shared' }) } });
  expect((await producer.settled(runs)).counts.succeeded).toBe(2);
  await producer.cancel(unserved, 'enough');
  expect(await producer.settled(unserved)).toMatchObject({ counts: { cancelled: 1 } });
  await allSeen();

  const ours = [...seen.keys()].filter((key) => key.startsWith(`${PREFIX}:`) && !isOfBullMq(key));
  expect(ours.filter((key) => familiesOf(key).length !== 1)).toEqual([]);
  expect(new Set(ours.flatMap(familiesOf))).toEqual(
    new Set(NAMES.filter((name) => KEY_FAMILIES[name].type !== 'channel')),
  );
  for (const key of ours) {
    const [family = 'batch'] = familiesOf(key);
    const facts = KEY_FAMILIES[family];
    if (facts.type === 'channel') continue;
    const { type = facts.type, expires = false } = seen.get(key) ?? {};
    expect({ key, type, expires }).toEqual({ key, type: facts.type, expires: facts.expires !== 'never' });
  }
});

test('a key in no family is found, and a key of a batch is in one', () => {
  expect(familiesOf(`${PREFIX}:records:batch:b1:forgotten`)).toEqual([]);
  expect(familiesOf(`${PREFIX}:records:batch:b1:claim`)).toEqual(['claim']);
});

/** The keys of BullMQ are under the name of a queue. */
function isOfBullMq(key: string): boolean {
  const [queue = ''] = key.slice(PREFIX.length + 1).split(':');
  return queue === BATCH_QUEUE || queue === GATE_QUEUE || providerOf(queue) !== null;
}
