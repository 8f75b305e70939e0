import { once } from 'node:events';
import { createServer } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { startSimulator } from '../../src/entries/simulator.ts';
import { createWorker } from '../../src/entries/worker.ts';
import { freshPrefix, redisUrl } from '../helpers/redis.ts';
import { aFolder, start } from './run-cli.ts';

/** A port of this host on which another server listens. */
async function aTakenPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server has no port');
  return address.port;
}

test.each([
  [['nonsense'], /unknown command 'nonsense'/, 'errand --help'],
  [['status'], /missing required argument 'BATCH'/, 'errand status --help'],
  [['worker', 'extra'], /too many arguments for 'worker'/, 'errand worker --help'],
  [['simulator', '--prt', '1'], /unknown option '--prt' \(Did you mean --port\?\)/, 'errand simulator --help'],
  [['simulator', '--port'], /option '--port <port>' argument missing/, 'errand simulator --help'],
  [['simulator', '--port', '1', '--port', '2'], /option '--port' is given twice/, 'errand simulator --help'],
  [
    ['simulator', '--port', 'abc'],
    /--port: expected a port from 0 to 65535, got "abc"/,
    'Pass a port such as --port 4010',
  ],
  [['leaks', '--close', 'w'], /--close needs --because with a reason/, 'Pass --because'],
  [['leaks', '--because', 'w'], /--because needs --close/, 'Add --close'],
])('refuses the usage %j as USAGE_INVALID, with 2', async (args, what, remedy) => {
  const { code, out, err } = await start(args, aFolder(), {}).ended;
  expect([code, out]).toEqual([2, '']);
  expect(err).toMatch(new RegExp(`^USAGE_INVALID: ${what.source}.*\n {2}.*${remedy}`));
});

test.each(['--help', '-h'])('errand worker %s prints its options, with 0', async (flag) => {
  const { code, out } = await start(['worker', flag], aFolder(), {}).ended;
  expect([code, out]).toEqual([0, expect.stringMatching(/^Usage: errand worker/)]);
});

test.each(['worker', 'board', 'simulator'])('%s names the port that is in use, with 1', async (name) => {
  const port = String(await aTakenPort());
  const variables = { ERRAND_HEALTH_PORT: port, ERRAND_HEALTH_HOST: '127.0.0.1', ERRAND_BOARD_PORT: port };
  const args = name === 'simulator' ? [name, '--port', port] : [name];
  const { code, err, out } = await start(args, aFolder(), { REDIS_URL: redisUrl(), ...variables }).ended;
  expect([code, out]).toEqual([1, '']);
  const setting = { worker: 'ERRAND_HEALTH_PORT', board: 'ERRAND_BOARD_PORT', simulator: '--port' }[name];
  expect(err).toContain(`cannot listen at 127.0.0.1:${port}: the port is in use (EADDRINUSE)`);
  expect(err).toMatch(new RegExp(`^ADDRESS_IN_USE: .*\n  .*ss -ltnp 'sport = :${port}'.*${setting}`));
});

test('a port in use keeps its cause: errno, address and port', async () => {
  const port = await aTakenPort();
  const settings = { prefix: freshPrefix(), worker: { health_host: '127.0.0.1', health_port: port } };
  const cause = { code: 'EADDRINUSE', address: '127.0.0.1', port };
  const taken = { name: 'ErrandError', code: 'ADDRESS_IN_USE', cause };
  await expect(createWorker({ redis: redisUrl(), settings })).rejects.toMatchObject(taken);
  await expect(startSimulator({ port })).rejects.toMatchObject(taken);
});

test('names an address that this host does not have', async () => {
  const health = { ERRAND_HEALTH_HOST: '192.0.2.1', ERRAND_HEALTH_PORT: '0', REDIS_URL: redisUrl() };
  const { code, err } = await start(['worker'], aFolder(), health).ended;
  expect([code, err]).toEqual([
    2,
    expect.stringMatching(/^CONFIG_INVALID: .*no address "192\.0\.2\.1".*\n.*HEALTH_HOST/),
  ]);
});
