import { expect, test } from 'vitest';
import { sleep } from '../../src/base/clock.ts';
import { COMMANDS, rightsOf } from '../../src/redis/rights.ts';
import { aDeployment } from '../helpers/deployment.ts';
import { freshPrefix, openRedis } from '../helpers/redis.ts';
import { startRedisServer } from '../helpers/redis-server.ts';
import { requestsIn } from '../helpers/requests.ts';
import { aWorkerInTrouble, expectAllWell, redisLines, TASKS, untilReadinessIs } from '../helpers/worker-in-trouble.ts';

/** The worker asks for its rights every 2 s. The model answers later, so that no script is denied in its middle before. */
const LATER_MS = 7_000;
const ALL_COMMANDS = COMMANDS.worker.map((name) => `+${name}`).join(' ');

/** A Redis with a user `pod` that has the rights of a worker. */
async function aRedisWithUser() {
  const { url, port } = await startRedisServer();
  const [prefix, admin] = [freshPrefix(), openRedis(url)];
  const setUser = (...rights: string[]) => admin.call('ACL', 'SETUSER', 'pod', ...rights);
  await setUser('on', '>pass', ...rightsOf('worker', prefix));
  return { url, prefix, admin, setUser, workerUrl: `redis://pod:pass@127.0.0.1:${port}` };
}

test.each<[title: string, taken: string[], mend: RegExp, latencyMs?: number]>([
  ['its commands', ['-@all'], /ACL SETUSER pod .*\+bzpopmin .*\+evalsha/],
  ['its keys', ['resetkeys'], /ACL SETUSER pod '~\{t-\w+\}:\*'/],
  ['scripts', ['-eval', '-evalsha'], /ACL SETUSER pod .*\+evalsha/],
  ['a command of its scripts', ['-hset'], /ACL SETUSER pod .*\+hset/],
  ['a command of a script of BullMQ', ['-xadd'], /what a worker needs: \+xadd\. .*ACL SETUSER pod \+xadd\.$/, LATER_MS],
  ['a command that nothing sends now', ['-ltrim'], /ACL SETUSER pod \+ltrim\.$/],
  ['all writes', ['-@write'], /ACL SETUSER pod .*\+hset/],
])(
  'a worker that loses %s waits, and continues when it has them again',
  async (_title, taken, mend, latencyMs = 800) => {
    const { url, prefix, admin, setUser, workerUrl } = await aRedisWithUser();
    const trouble = await aWorkerInTrouble(url, { prefix, workerUrl, latencyMs });
    const answered = requestsIn(trouble.simulator, 'ended', TASKS);
    await setUser(...taken);
    await untilReadinessIs(trouble.worker, /^503 Redis refuses commands: /);
    await answered;
    const command = /ACL SETUSER (.*)\.$/.exec(redisLines(trouble)[0] ?? '')?.[1] ?? '';
    await admin.call('ACL', 'SETUSER', ...command.split(' ').map((word) => word.replaceAll("'", '')));
    await expectAllWell(trouble, url);
    expect(redisLines(trouble)).toEqual([expect.stringMatching(mend), 'ok']);
    expect(redisLines(trouble)[0]).toMatch(/^refusing /);
  },
  60_000,
);

test('a worker that knows of a missing right sends no script, so none is half done', async () => {
  const { url, prefix, admin, setUser, workerUrl } = await aRedisWithUser();
  const trouble = await aWorkerInTrouble(url, { prefix, workerUrl, latencyMs: LATER_MS });
  const answered = requestsIn(trouble.simulator, 'ended', TASKS);
  await setUser('-xadd');
  await untilReadinessIs(trouble.worker, /^503 Redis refuses commands: .*\+xadd/);
  await answered;
  await sleep(3_000); // the tasks want to go on meanwhile: that nothing is denied for a while is what is tested
  expect(await admin.call('ACL', 'LOG')).toEqual([]);
  await setUser('+xadd');
  await expectAllWell(trouble, url);
}, 60_000);

test.each([
  ['a command of a script', ['-zadd'], '+zadd'],
  ['a command', ['-bzpopmin'], '+bzpopmin'],
  ['channels', ['resetchannels'], "'&PREFIX:*' +publish +subscribe"],
  ['subscribe', ['-subscribe', 'allchannels'], '+subscribe'],
  ['keys', ['resetkeys'], `'~PREFIX:*' ${ALL_COMMANDS}`],
  ['scripts', ['-eval', 'allkeys'], ALL_COMMANDS],
])('a worker without the right to %s does not start, and says what to grant', async (_title, taken, grant) => {
  const { url, prefix, setUser, workerUrl } = await aRedisWithUser();
  await setUser(...taken);
  const { startWorker } = await aDeployment({ prefix, settings: { redis_url: url } });
  await expect(startWorker({}, { redis_url: workerUrl })).rejects.toMatchObject({
    code: 'REDIS_DENIED',
    message: expect.stringContaining('user "pod"'),
    remedy: `Run in redis-cli: ACL SETUSER pod ${grant.replaceAll('PREFIX', prefix)}.`,
  });
});
