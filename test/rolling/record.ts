/**
 * Records what workers and producers of one version leave in Redis: settled, running, handed-back and waiting batches. The
 * file is read by the tests of every later version. Without --commit it records this tree.
 */
import { writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { bootId } from '../../src/base/process-birth.ts';
import type { Simulator } from '../../src/entries/simulator.ts';
import { type KeyDump, RECORDED, type Recording, readKey } from '../records/recording.ts';
import { Stored } from '../records/stored.ts';
import { openStage, type Stage } from './stage.ts';
import { PRESENT, type Tree, treeOf } from './tree.ts';

const DIR = join(import.meta.dirname, '../fixtures/records');
const { values } = parseArgs({ options: { commit: { type: 'string' }, name: { type: 'string' } } });
const name = values.name ?? values.commit;
if (name === undefined || !/^[\w.-]+$/.test(name)) throw new Error('--name: expected a name for the file');

/** The provider never answers these prompts, so their tasks are running when the worker ends. */
const HELD = { match: { contains: 'HELD' }, steps: [{ hang: 'headers' as const }] };
const LIMITED = { match: { contains: 'LIMITED' }, steps: [{ status: 429, retry_after_ms: 600_000 }] };
const WRITE = '[[sim: tool=write_file args={"path":"a.txt","content":"hello"}]]';

const stage = await openStage({ rules: [{ ...HELD, match: { ...HELD.match, turn: 2 } }, LIMITED] });
try {
  const tree = values.commit ? await treeOf(values.commit, join(stage.dir, 'recorded')) : PRESENT;
  const batches = await play(stage, tree);
  const recording: Recording = { prefix: stage.prefix, batches, keys: await dump(stage) };
  const file = join(DIR, `${name}.json`);
  await writeFile(file, `${maskPlace(JSON.stringify(recording, null, 1))}\n`);
  process.stdout.write(`${file}: ${recording.keys.length} keys\n`);
} finally {
  await stage.close();
}

/** Brings batches into every state, and stops all workers. */
async function play({ startWorker, startProducer, simulator, redisUrl, prefix }: Stage, tree: Tree) {
  const producer = await startProducer(tree);
  const first = await startWorker(tree);
  const settled = await producer.enqueue({
    name: 'settled',
    metadata: { of: 'the batch' },
    tasks: [
      { goal: 'Answers', provider: 'openai', metadata: { of: 'the task' } },
      { goal: `Writes ${WRITE}`, provider: 'anthropic', toolsets: ['workspace'] },
      { goal: 'Meets a limit [[sim: status=429 retry_after_ms=50 times=1]]', provider: 'local' },
      { goal: 'Fails [[sim: status=400]]', provider: 'local' },
    ],
  });
  await producer.settled(settled.batch_id);
  const cancelled = await producer.enqueue({ tasks: [heldTask('openai'), heldTask('local')] });
  await heldCalls(simulator, 2);
  await producer.cancel(cancelled.batch_id);
  await producer.settled(cancelled.batch_id);

  const handedBack = await producer.enqueue({ name: 'handed back', tasks: [heldTask('local')] });
  await heldCalls(simulator, 3);
  const lane = new Queue('tasks-local', { connection: { url: redisUrl }, prefix, skipMetasUpdate: true });
  await lane.pause();
  await first.drain();

  const second = await startWorker(tree);
  const limited = { goal: 'LIMITED', provider: 'anthropic' };
  const running = await producer.enqueue({
    name: 'running',
    max_concurrent: 2,
    tasks: [limited, heldTask('openai'), heldTask('openai'), { goal: 'Parks', provider: 'openai' }],
  });
  await heldCalls(simulator, 5);
  const redis = new Redis(redisUrl);
  const stored = new Stored(prefix, redis);
  const [parked, resting] = [() => stored.parked(running.batch_id), () => stored.countResting(running.batch_id)];
  while ((await parked()).length + (await resting()) < 2) await redis.ping();
  await second.kill();
  await lane.resume();
  await lane.close();
  redis.disconnect();
  const waiting = await producer.enqueue({
    name: 'waiting',
    tasks: [heldTask('local'), { goal: 'B', provider: 'openai' }],
  });
  const ids = { settled, cancelled, handedBack, running, waiting };
  return Object.fromEntries(Object.entries(ids).map(([state, { batch_id }]) => [state, batch_id]));
}

function heldTask(provider: string) {
  return { goal: `HELD ${WRITE}`, provider, toolsets: ['workspace' as const] };
}

/** Resolves once the provider holds this many calls. */
async function heldCalls(simulator: Simulator, count: number): Promise<void> {
  const held = () => simulator.requests().filter(({ turn, body }) => turn === 2 && body.includes('HELD')).length;
  const { promise, resolve } = Promise.withResolvers<void>();
  const stop = simulator.onRequest(() => held() >= count && resolve());
  if (held() < count) await promise;
  stop();
}

async function dump({ redisUrl }: Stage): Promise<KeyDump[]> {
  const redis = new Redis(redisUrl);
  const keys = (await redis.keys('*')).toSorted();
  const dumps = await Promise.all(keys.map((key) => readKey(redis, key)));
  redis.disconnect();
  return dumps.filter((found) => found !== null);
}

/** Replaces what belongs to this machine and this run by fixed names. */
function maskPlace(text: string): string {
  return text
    .replaceAll(JSON.stringify(stage.workspaceRoot).slice(1, -1), RECORDED.workspaceRoot)
    .replaceAll(join(stage.dir, 'recorded'), RECORDED.tree)
    .replaceAll(join(import.meta.dirname, '../..'), RECORDED.tree)
    .replaceAll(`\\"host\\":\\"${hostname()}\\"`, `\\"host\\":\\"${RECORDED.host}\\"`)
    .replaceAll(bootId(), RECORDED.bootId);
}
