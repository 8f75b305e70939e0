import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { newBatchId } from '../../src/base/ids.ts';
import { BatchSpec } from '../../src/contract/batch.ts';
import type { LoggedRequest } from '../../src/entries/simulator.ts';
import { processTagOf, TAG_VARIABLE } from '../../src/processes/tag.ts';
import { readDirectives } from '../../src/simulator/directive-text.ts';
import { Calls } from './calls.ts';
import { tallyEffects } from './effects.ts';
import { leftProcesses } from './leftovers.ts';
import { planStorm } from './plan.ts';
import { lossesIn, percentile, type Report } from './report.ts';
import { TcpProxy } from './tcp-proxy.ts';
import { batchOf } from './workload.ts';

const TEN_MINUTES_MS = 600_000;

function countOf(seed: number, durationMs: number, kind: RegExp): number {
  return planStorm(seed, durationMs, 4).filter(({ action }) => kind.test(action.kind)).length;
}

test('a seed always plans the same storm, and another seed another one', () => {
  expect(planStorm(7, 60_000, 4)).toEqual(planStorm(7, 60_000, 4));
  expect(planStorm(8, 60_000, 4)).not.toEqual(planStorm(7, 60_000, 4));
  expect(batchOf(7, 3)).toEqual(batchOf(7, 3));
});

test.each([1, 2, 3])('ten minutes of seed %i hold what a soak promises', (seed) => {
  const plan = planStorm(seed, TEN_MINUTES_MS, 4);
  const batches = plan.flatMap(({ action }) => (action.kind === 'enqueue' ? [batchOf(seed, action.batch)] : []));
  expect(batches.reduce((tasks, { expected }) => tasks + expected.length, 0)).toBeGreaterThan(20_000);
  expect(countOf(seed, TEN_MINUTES_MS, /^kill/)).toBeGreaterThan(220);
  expect(countOf(seed, TEN_MINUTES_MS, /^stop/)).toBeGreaterThan(40);
  expect(countOf(seed, TEN_MINUTES_MS, /^redis/)).toBeGreaterThan(10);
});

test('thirty seconds hold a fault of every kind of target', () => {
  for (const kind of [/^enqueue/, /^kill/, /^stop/, /^redis/, /^proxy/, /^cancel/]) {
    expect(countOf(1, 30_000, kind)).toBeGreaterThan(0);
  }
});

test('the batches fit the contract, and the simulator can read every goal', () => {
  for (const number of [0, 1, 2, 3, 5]) {
    const { tasks } = BatchSpec.parse(batchOf(1, number).input) as { tasks: { goal: string }[] };
    for (const { goal } of tasks) expect(readDirectives(goal)).not.toHaveProperty('problem');
  }
});

function answered(over: Partial<LoggedRequest>): LoggedRequest {
  return { body: 'storm:1/2', turn: 1, status: 200, ended: 'complete', ...over } as LoggedRequest;
}

test('a turn answered three times was paid twice too often; cut calls were not paid', () => {
  const calls = new Calls();
  for (const over of [
    {},
    {},
    {},
    { turn: 2 },
    { status: 500 },
    { ended: 'cut' },
    { ended: 'client_closed' },
  ] as const) {
    calls.note(answered(over));
  }
  const hang = { body: 'storm:1/2 [[sim: turn=3 times=1 hang=headers]]', turn: 3, ended: 'client_closed' } as const;
  calls.note(answered(hang));
  calls.note(answered(hang));
  expect(calls.tally()).toEqual({ answered: 4, faults: 3, paidTwice: [['storm:1/2', 2]] });
});

test('a report is clean only while every loss is 0', () => {
  const zero = { lost: 0, duplicate_finals: 0, open_rows: 0, leaked_dirs: 0, leaked_processes: 0, leaked_leases: 0 };
  const rest = { calls_unreported: 0, unsettled_batches: 0, wrong_answers: 0, workers_failed: 0, calls_paid_twice: 9 };
  const tools = { rows_without_evidence: 0, leaked_sessions: 0, effects_repeated: 0, effects_unreported: 0 };
  const clean = { ...zero, ...rest, ...tools } as Report;
  expect(lossesIn(clean)).toEqual([]);
  expect(lossesIn({ ...clean, leaked_sessions: 1 })).toEqual(['leaked_sessions']);
  expect([percentile([], 0.99), percentile([3, 1, 2], 0.5), percentile([3, 1, 2], 0.99)]).toEqual([0, 2, 3]);
});

test('an effect that happened twice, or got lost without a word, is told', () => {
  const happened = new Map([
    ['done', 1],
    ['again', 2],
  ]);
  const interrupted = [{ call_id: 'c1', tool: 'send' }];
  const asked = [
    { effect: 'done', outcome: { status: 'succeeded' } },
    { effect: 'lost', outcome: { status: 'succeeded' } },
    { effect: 'unknown', outcome: { status: 'succeeded', interrupted_effects: interrupted } },
    { effect: 'never', outcome: { status: 'cancelled' } },
  ] as const;
  expect(
    tallyEffects(
      happened,
      asked.map(({ effect, outcome }) => ({ effect, outcome: { ...outcome } })),
    ),
  ).toEqual({
    happened: 2,
    repeated: ['again'],
    unreported: ['lost'],
    interrupted: 1,
  });
});

test('a process that carries the tag of a task is found, and counts as a server', async () => {
  const batchId = newBatchId();
  const tag = processTagOf({ prefix: 'p', workspaceRoot: '/w' }, `${batchId}-0`, '1.process.mcp-pipe-1');
  const child = spawn('sleep', ['60'], { env: { PATH: process.env.PATH, [TAG_VARIABLE]: tag } });
  onTestFinished(() => void child.kill('SIGKILL'));
  await once(child, 'spawn');
  expect(await leftProcesses('no storm', [batchId])).toEqual([{ pid: child.pid, isServer: true }]);
  expect(await leftProcesses('no storm', [newBatchId()])).toEqual([]);
});

/** An echo server behind a proxy, and a client of it that is connected. */
async function echoThroughProxy(): Promise<{ proxy: TcpProxy; client: Socket; open: () => Promise<Socket> }> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.pipe(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const proxy = await TcpProxy.start(typeof address === 'object' && address ? address.port : 0);
  const open = async () => {
    const client = connect(proxy.port, '127.0.0.1');
    await once(client, 'connect');
    onTestFinished(() => void client.destroy());
    return client.setEncoding('utf8').on('error', () => undefined);
  };
  onTestFinished(async () => {
    await proxy.close();
    server.close();
  });
  return { proxy, client: await open(), open };
}

test('the proxy keeps the order of bytes while it is slow and as it gets fast again', async () => {
  const { proxy, client } = await echoThroughProxy();
  let came = '';
  let sent = '';
  proxy.slow(20);
  for (let number = 0; number < 200; number++) {
    if (number === 100) proxy.slow(0);
    sent += `${number} `;
    client.write(`${number} `);
    if (number % 10 === 0) await new Promise(setImmediate);
  }
  for await (const chunk of client) {
    came += chunk;
    if (came.length >= sent.length) break;
  }
  expect(came).toBe(sent);
});

test('a connection that met a black hole stays mute after it, and a new one passes', async () => {
  const { proxy, client, open } = await echoThroughProxy();
  let came = '';
  client.on('data', (chunk) => {
    came += chunk;
  });
  proxy.blackHole(true);
  proxy.blackHole(false);
  client.write('swallowed');
  const other = await open();
  other.write('passes');
  expect(await once(other, 'data')).toEqual(['passes']);
  expect(came).toBe('');
});

test('a cut resets the connections that are open', async () => {
  const { proxy, client } = await echoThroughProxy();
  client.write('hello');
  await once(client, 'data');
  const closed = expect(once(client, 'close')).rejects.toThrow('ECONNRESET');
  proxy.cut();
  await closed;
});
