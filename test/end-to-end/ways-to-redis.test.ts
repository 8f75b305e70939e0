import { join } from 'node:path';
import { expect, test } from 'vitest';
import { isErrandError } from '../../src/errors.ts';
import type { Producer } from '../../src/producer/producer.ts';
import { anAuthority } from '../helpers/certificates.ts';
import { aDirectory, aFreePort, filesOf, startConfiguredRedis, startTlsRedis } from '../helpers/configured-redis.ts';
import { aDeployment } from '../helpers/deployment.ts';
import { openRedis, targetAt } from '../helpers/redis.ts';

const TASKS = [
  { goal: 'Answer [[sim: text="done"]]', provider: 'openai' },
  {
    goal: 'List [[sim: tool=list_files args={}]] [[sim: text="done"]]',
    provider: 'local',
    toolsets: ['workspace' as const],
  },
];
const PASSWORD = 'p@ss/w#rd?%:1';
const LOGIN = `:${encodeURIComponent(PASSWORD)}`;

const ways: Record<string, () => Promise<Record<string, unknown>>> = {
  TLS: async () => {
    const { port, ca } = await startTlsRedis(anAuthority('private'));
    return { redis_url: `rediss://localhost:${port}`, redis_tls: { ca } };
  },
  'mutual TLS': async () => {
    const authority = anAuthority('private');
    const { port, ca, dir } = await startTlsRedis(authority, { demandsClient: true });
    const client = await filesOf(dir, 'client', authority.issue('errand'));
    return { redis_url: `rediss://127.0.0.1:${port}/1`, redis_tls: { ca, ...client } };
  },
  'IPv6 with a password that needs escapes': async () => {
    const port = await aFreePort('::1');
    await startConfiguredRedis([`port ${port}`, 'bind ::1', `requirepass "${PASSWORD}"`]);
    return { redis_url: `redis://${LOGIN}@[::1]:${port}/3` };
  },
  'a Unix socket': async () => {
    const path = join(await aDirectory(), 'redis.sock');
    await startConfiguredRedis(['port 0', `unixsocket ${path}`, `requirepass "${PASSWORD}"`]);
    return { redis_url: `redis+unix://${LOGIN}@${path}?db=2` };
  },
  'Sentinel with TLS everywhere': async () => {
    const { port: master, ca, dir } = await startTlsRedis(anAuthority('private'));
    const port = await aFreePort();
    const tls = [
      `tls-cert-file ${join(dir, 'server.pem')}`,
      `tls-key-file ${join(dir, 'server-key.pem')}`,
      `tls-ca-cert-file ${ca}`,
      'tls-auth-clients no',
      'tls-replication yes',
    ];
    const watch = `sentinel monitor mymaster 127.0.0.1 ${master} 1`;
    await startConfiguredRedis(['port 0', `tls-port ${port}`, ...tls, watch], { isSentinel: true });
    return { redis_url: `rediss+sentinel://127.0.0.1:${port}/mymaster/1`, redis_tls: { ca } };
  },
};

test.each(Object.entries(ways))('a batch runs over %s', async (_, start) => {
  const { producer, startWorker, startBoard } = await aDeployment({ settings: await start() });
  await startWorker();
  const { batch_id } = await producer.enqueue({ tasks: TASKS });
  expect((await producer.settled(batch_id)).counts.succeeded).toBe(TASKS.length);
  const board = await startBoard();
  expect((await fetch(`${board.url}/api/queues`)).status).toBe(200);
});

/** Enqueues again until Redis serves, as a program with an idempotency key does. */
async function enqueuePatiently(producer: Producer, key: string): Promise<string> {
  for (;;) {
    try {
      return (await producer.enqueue({ tasks: TASKS, idempotency_key: key })).batch_id;
    } catch (error) {
      if (!isErrandError(error, 'REDIS_UNAVAILABLE')) throw error;
    }
  }
}

test('a batch runs over Sentinel, and the next one after the master was killed', async () => {
  const [first, second, port] = [await aFreePort(), await aFreePort(), await aFreePort()];
  const login = [`requirepass "${PASSWORD}"`, `masterauth "${PASSWORD}"`];
  const master = await startConfiguredRedis([`port ${first}`, ...login]);
  await startConfiguredRedis([
    `port ${second}`,
    `replicaof 127.0.0.1 ${first}`,
    'repl-diskless-sync-delay 0',
    ...login,
  ]);
  const watch = [
    `sentinel monitor mymaster 127.0.0.1 ${first} 1`,
    `sentinel auth-pass mymaster "${PASSWORD}"`,
    'sentinel down-after-milliseconds mymaster 500',
    'sentinel failover-timeout mymaster 5000',
  ];
  await startConfiguredRedis([`port ${port}`, 'requirepass watching', ...watch], { isSentinel: true });
  const nobody = await aFreePort();
  const { producer, startWorker } = await aDeployment({
    settings: { redis_url: `redis+sentinel://${LOGIN}@127.0.0.1:${nobody},127.0.0.1:${port}/mymaster/1` },
    environment: { REDIS_SENTINEL_PASSWORD: 'watching' },
  });
  await startWorker();
  const before = await enqueuePatiently(producer, 'before');
  expect((await producer.settled(before)).counts.succeeded).toBe(TASKS.length);

  const client = openRedis(targetAt(`redis://${LOGIN}@127.0.0.1:${first}`));
  const sentinel = openRedis(targetAt(`redis://:watching@127.0.0.1:${port}`));
  // Sentinel learns of a replica from INFO every 10 s. A master without a known replica has no successor.
  await expect.poll(() => sentinel.call('SENTINEL', 'REPLICAS', 'mymaster')).toHaveLength(1);
  await expect.poll(() => client.wait(1, 1_000)).toBe(1);
  await master.kill();
  const after = await enqueuePatiently(producer, 'after');
  expect((await producer.settled(after)).counts.succeeded).toBe(TASKS.length);
  expect((await producer.status(before)).status).toBe('settled');
});
