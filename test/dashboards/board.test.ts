import { once } from 'node:events';
import { get } from 'node:http';
import { connect, createServer, type Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { Queue, UnrecoverableError, Worker } from 'bullmq';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type Board, type BoardOptions, startBoard } from '../../dashboards/board.ts';
import { Redactor, Secret } from '../../src/base/secret.ts';
import { BATCH_QUEUE, GATE_QUEUE, laneOf } from '../../src/queue/names.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { freshPrefix, keysOf, openRedis, redisUrl, targetAt } from '../helpers/redis.ts';
import { type Call, callsOf as callsFor } from './calls.ts';
import { addSampleBatch, FAILED_REASON, type SampleBatch } from './sample-batch.ts';

const url = redisUrl();
const SECRET = 'sk-planted+0123456789/abc';
const PASSWORD = 'correct horse battery';
const LOGIN = { authorization: `Basic ${btoa(`operator:${PASSWORD}`)}` };
const OPERATOR = { user: 'operator', password: new Secret(PASSWORD) };

const log = createLog({ level: 'silent', isPretty: false, redactor: new Redactor(), output: new PassThrough() });

const redis = openRedis();
let prefix: string;
let board: Board | undefined;

beforeEach(() => {
  prefix = freshPrefix();
});
afterEach(async () => {
  await board?.close();
  board = undefined;
});

async function open(
  options: Partial<BoardOptions> = {},
): Promise<(path: string, init?: RequestInit) => Promise<Response>> {
  const providers = ['openai', 'acme', 'slow'];
  const started = await startBoard({
    redis: targetAt(url),
    prefix,
    providers,
    port: 0,
    log,
    redactor: new Redactor(),
    ...options,
  });
  board = started;
  return (path, init) => fetch(started.url + path, { redirect: 'manual', ...init });
}

/** Every key of the test with its exact content. */
async function contentOfRedis(): Promise<Map<string, string>> {
  const keys = await keysOf(prefix);
  const dumps = await Promise.all(keys.map((key) => redis.dumpBuffer(key)));
  return new Map(keys.map((key, position) => [key, dumps[position]?.toString('base64') ?? '']));
}

/** Every call the installed board offers on a queue of the sample. */
function callsOf({ batchId, taskIds }: SampleBatch, queue: string): Call[] {
  return callsFor(queue, queue === BATCH_QUEUE ? batchId : taskIds[1]);
}

const QUEUES = [BATCH_QUEUE, GATE_QUEUE, laneOf('openai'), laneOf('acme'), laneOf('slow')];

describe('a read-only board', () => {
  test('lists the batches, the gates and one lane per provider', async () => {
    await addSampleBatch(url, prefix);
    const ask = await open();
    const queues = QUEUES.map((name) => ({ name, readOnlyMode: true }));
    expect(await (await ask('/api/queues')).json()).toMatchObject({ queues });
  });

  test('tells the code and the cleanup of a failed task in its title', async () => {
    const { taskIds } = await addSampleBatch(url, prefix);
    const ask = await open();
    const name = `Release notes #1 · acme/claude-opus-4 · high — ${FAILED_REASON}`;
    const answer = await ask(`/api/queues/${laneOf('acme')}/${taskIds[1]}`);
    expect(await answer.json()).toMatchObject({ status: 'failed', job: { name } });
  });

  test('refuses every writing call of the installed Bull Board and changes nothing', async () => {
    const sample = await addSampleBatch(url, prefix);
    const ask = await open();
    const before = await contentOfRedis();
    const writes = QUEUES.flatMap((queue) => callsOf(sample, queue)).filter(({ method }) => method !== 'GET');
    expect(writes.length).toBeGreaterThan(100);
    for (const { method, path } of writes) {
      for (const actual of [method, 'DELETE', 'POST']) {
        expect([actual, path, (await ask(path, { method: actual })).status]).toEqual([actual, path, 405]);
      }
    }
    expect(await contentOfRedis()).toEqual(before);
  });

  test('leaves the settings of the queues as their owners wrote them', async () => {
    const owner = new Queue(BATCH_QUEUE, { connection: redis, prefix, streams: { events: { maxLen: 77 } } });
    await owner.waitUntilReady();
    await vi.waitFor(async () =>
      expect(await redis.hget(`${prefix}:${BATCH_QUEUE}:meta`, 'opts.maxLenEvents')).toBe('77'),
    );
    const ask = await open();
    for (const queue of QUEUES) await ask(`/api/queues?activeQueue=${queue}`);
    expect([...(await contentOfRedis()).keys()]).toEqual([`${prefix}:${BATCH_QUEUE}:meta`]);
    expect(await redis.hget(`${prefix}:${BATCH_QUEUE}:meta`, 'opts.maxLenEvents')).toBe('77');
    await owner.close();
  });

  test('refuses a foreign host name, which a web site could point at this machine', async () => {
    await open();
    const request = get(`${board?.url}/api/queues`, { headers: { host: 'evil.example' } });
    const [response] = await once(request, 'response');
    response.resume();
    expect(response.statusCode).toBe(403);
  });
});

describe('secrets and sizes', () => {
  test('shows a watched secret in no answer of any reading call', async () => {
    const redactor = new Redactor();
    redactor.watch(new Secret(SECRET));
    const text = { data: SECRET, failure: ` ${encodeURIComponent(SECRET)} ${SECRET}`, log: btoa(SECRET) };
    const sample = await addSampleBatch(url, prefix, text);
    const ask = await open({ redactor });
    const reads = QUEUES.flatMap((queue) => [
      ...callsOf(sample, queue).filter(({ method }) => method === 'GET'),
      { path: `/api/queues?activeQueue=${queue}` },
    ]);
    let masks = 0;
    for (const { path } of reads) {
      const body = await (await ask(path)).text();
      masks += body.split('[secret]').length - 1;
      for (const form of [SECRET, encodeURIComponent(SECRET), btoa(SECRET)]) expect(body, path).not.toContain(form);
    }
    expect(masks).toBeGreaterThan(8);
  });

  test('cuts what is long, with a note', async () => {
    const text = { data: 'd'.repeat(300_000), failure: 'f'.repeat(300_000), log: 'l'.repeat(300_000) };
    const { taskIds } = await addSampleBatch(url, prefix, text);
    const ask = await open();
    const path = `/api/queues/${laneOf('acme')}/${taskIds[1]}`;
    const job = await (await ask(path)).text();
    const logs = await (await ask(`${path}/logs`)).text();
    expect(job.length).toBeLessThan(25_000);
    expect(logs.length).toBeLessThan(5_000);
    expect(job).toMatch(/[^d]d{900,1024}… \(\d+ more characters\)/);
    expect(logs).toMatch(/more characters\)/);
  });
});

describe('an operator', () => {
  test('must log in for everything but the health check', async () => {
    const ask = await open({ operator: OPERATOR });
    expect((await ask('/healthz')).status).toBe(200);
    for (const path of ['/', '/find', '/api/queues', '/static/images/logo.svg']) {
      expect([path, (await ask(path)).status]).toEqual([path, 401]);
      expect([path, (await ask(path, { headers: LOGIN })).status]).toEqual([path, 200]);
    }
    const wrong = { authorization: `Basic ${btoa(`operator:${PASSWORD}x`)}` };
    expect((await ask('/api/queues', { headers: wrong })).status).toBe(401);
    const someoneElse = { authorization: `Basic ${btoa(`root:${PASSWORD}`)}` };
    expect((await ask('/api/queues', { headers: someoneElse })).status).toBe(401);
  });

  test('pauses and resumes a lane', async () => {
    const ask = await open({ operator: OPERATOR });
    const lane = new Queue(laneOf('acme'), { connection: redis, prefix });
    expect((await ask(`/api/queues/${lane.name}/pause`, { method: 'PUT', headers: LOGIN })).status).toBe(200);
    expect(await lane.isPaused()).toBe(true);
    expect((await ask(`/api/queues/${lane.name}/resume`, { method: 'PUT', headers: LOGIN })).status).toBe(200);
    expect(await lane.isPaused()).toBe(false);
    await lane.close();
  });

  test('promotes a deferred task', async () => {
    const lane = new Queue(laneOf('acme'), { connection: redis, prefix });
    const job = await lane.add('deferred', {}, { jobId: 'deferred', delay: 3_600_000 });
    const ask = await open({ operator: OPERATOR });
    const answer = await ask(`/api/queues/${lane.name}/deferred/promote`, { method: 'PUT', headers: LOGIN });
    expect(answer.status).toBe(204);
    expect(await job.getState()).toBe('waiting');
    await lane.close();
  });

  test('settles a failed batch again, and no other', async () => {
    const batches = new Queue(BATCH_QUEUE, { connection: redis, prefix });
    const worker = new Worker(
      BATCH_QUEUE,
      async ({ name }) => {
        if (name === 'bad') throw new UnrecoverableError('INTERNAL: settling broke');
      },
      { connection: { url }, prefix, autorun: false },
    );
    const ended = new Promise<void>((resolve) => worker.on('drained', resolve));
    const bad = await batches.add('bad', {}, { jobId: 'bad' });
    const good = await batches.add('good', {}, { jobId: 'good' });
    const running = worker.run();
    await ended;
    await worker.close();
    await running;

    const ask = await open({ operator: OPERATOR });
    const retry = (id: string) => ask(`/api/queues/${BATCH_QUEUE}/${id}/retry`, { method: 'PUT', headers: LOGIN });
    expect((await retry('bad')).status).toBe(204);
    expect(await bad.getState()).toBe('waiting');
    const denied = await retry('good');
    expect(denied.status).toBe(403);
    expect(await denied.json()).toMatchObject({
      message: expect.stringMatching(/^Only a failed batch can be retried/),
    });
    expect(await good.getState()).toBe('completed');
    await batches.close();
  });

  test('is denied every other write of the installed Bull Board, with a sentence', async () => {
    const sample = await addSampleBatch(url, prefix);
    const ask = await open({ operator: OPERATOR });
    const before = await contentOfRedis();
    const allowed = new Set<string>();
    for (const queue of QUEUES) {
      for (const { method, route, path } of callsOf(sample, queue)) {
        if (method === 'GET') continue;
        const isOwn = queue.startsWith('tasks-') && /:queueName\/(pause|resume|:jobId\/promote)$/.test(route);
        if (isOwn) {
          allowed.add(route);
          continue;
        }
        const answer = await ask(path, { method, headers: LOGIN });
        expect([method, path, answer.status]).toEqual([method, path, 403]);
        expect(await answer.json()).toMatchObject({ message: expect.stringMatching(/^\S.*\.$/) });
      }
    }
    expect(allowed.size).toBe(3);
    expect(await contentOfRedis()).toEqual(before);
  });

  test('is protected from writes that another web site sends', async () => {
    const ask = await open({ operator: OPERATOR });
    const pause = async (headers: Record<string, string>) =>
      (await ask(`/api/queues/${laneOf('acme')}/pause`, { method: 'PUT', headers: { ...LOGIN, ...headers } })).status;
    expect(await pause({ origin: 'https://evil.example' })).toBe(403);
    expect(await pause({ origin: 'null' })).toBe(403);
    expect(await pause({ 'sec-fetch-site': 'same-site' })).toBe(403);
    expect(await pause({ 'sec-fetch-site': 'same-origin' })).toBe(200);
    expect(await pause({ origin: board?.url ?? '' })).toBe(200);
  });
});

describe('finding by id', () => {
  test('leads from a batch id and a task id to the job', async () => {
    const { batchId, taskIds } = await addSampleBatch(url, prefix);
    const ask = await open();
    expect((await ask(`/find?id=${batchId}`)).headers.get('location')).toBe(`/queue/batches/${batchId}`);
    expect((await ask(`/find?id=%20${taskIds[1]}`)).headers.get('location')).toBe(`/queue/tasks-acme/${taskIds[1]}`);
  });

  test('says so where there is no such job, without echoing markup', async () => {
    const ask = await open();
    const answer = await ask('/find?id=%3Cscript%3Ealert(1)%3C/script%3E');
    expect(answer.status).toBe(404);
    const page = await answer.text();
    expect(page).toContain('a batch or task with the id &lt;script&gt;');
    expect(page).not.toContain('<script>');
  });
});

describe('starting', () => {
  test('refuses to listen beyond this machine without a password, naming what to set', async () => {
    await expect(open({ host: '0.0.0.0' })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(/board host "0\.0\.0\.0".*board password/),
      remedy: expect.stringMatching(/^Set ERRAND_BOARD_PASSWORD or /),
    });
    await expect(open({ host: '0.0.0.0', operator: OPERATOR })).resolves.toBeDefined();
  });

  test('refuses an empty password', async () => {
    const operator = { user: 'operator', password: new Secret('') };
    await expect(open({ operator })).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });

  test('refuses a port that is taken, naming it', async () => {
    await open();
    const port = Number(new URL(board?.url ?? '').port);
    await expect(
      startBoard({ redis: targetAt(url), prefix, providers: [], port, log, redactor: new Redactor() }),
    ).rejects.toMatchObject({ code: 'ADDRESS_IN_USE', message: expect.stringContaining(`127.0.0.1:${port}`) });
  });
});

/** A way to Redis that can be cut or frozen. */
async function startPassage(port = 0): Promise<{ port: number; url: string; cut(): void; freeze(): void }> {
  const target = new URL(url);
  const targetPort = Number(target.port || 6379);
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(targetPort, target.hostname);
    near.pipe(far).pipe(near);
    for (const socket of [near, far]) sockets.add(socket.on('error', () => undefined));
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const ownPort = typeof address === 'object' && address !== null ? address.port : port;
  const own = new URL(url);
  own.host = `127.0.0.1:${ownPort}`;
  return {
    port: ownPort,
    url: own.href,
    cut: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
    freeze: () => {
      for (const socket of sockets) socket.unpipe();
    },
  };
}

describe('while Redis is away', () => {
  const away = { message: expect.stringMatching(/^Redis cannot be reached/) };

  test('starts, says so, and recovers by itself each time', async () => {
    const { port, url: passageUrl, cut } = await startPassage();
    cut();
    const ask = await open({ redis: targetAt(passageUrl) });
    const redisIs = async (state: string) =>
      expect(await (await ask('/healthz')).json()).toEqual({ status: 'ok', redis: state });
    for (let round = 0; round < 2; round++) {
      await vi.waitFor(() => redisIs('unreachable'), 5_000);
      const answer = await ask('/api/queues');
      expect([answer.status, await answer.json()]).toEqual([503, expect.objectContaining(away)]);
      expect((await ask(`/find?id=${'b'.repeat(22)}`)).status).toBe(503);
      const passage = await startPassage(port);
      await vi.waitFor(() => redisIs('connected'), 5_000);
      expect((await ask('/api/queues')).status).toBe(200);
      passage.cut();
    }
  });

  test('says so within seconds where Redis falls silent', async () => {
    const { url: passageUrl, cut, freeze } = await startPassage();
    const ask = await open({ redis: targetAt(passageUrl) });
    expect((await ask('/api/queues')).status).toBe(200);
    freeze();
    const answer = await ask('/api/queues');
    expect([answer.status, await answer.json()]).toEqual([503, expect.objectContaining(away)]);
    cut();
  });
});
