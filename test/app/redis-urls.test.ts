import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { expect, onTestFinished, test, vi } from 'vitest';
import { doctor } from '../../src/app/commands/doctor.ts';
import { enqueue } from '../../src/app/commands/enqueue.ts';
import { status } from '../../src/app/commands/status.ts';
import { errorTextOf } from '../../src/app/exit-code.ts';
import type { Screen } from '../../src/app/screen/screen.ts';
import { newBatchId } from '../../src/base/ids.ts';
import { createProducer } from '../../src/entries/producer.ts';
import { createWorker } from '../../src/entries/worker.ts';
import { type ErrandError, isErrandError } from '../../src/errors.ts';
import { aFreePort, startConfiguredRedis } from '../helpers/configured-redis.ts';
import { PASSWORD, type Ports, piecesIn, redisUrls } from '../helpers/redis-urls.ts';
import { aFolder, start } from './run-cli.ts';

/** A wider run: `ERRAND_REDIS_URLS=400 ERRAND_REDIS_URL_PROCESSES=40 ERRAND_SEED=7 npx vitest run test/app/redis-urls.test.ts`. */
const SHAPES = Number(process.env.ERRAND_REDIS_URLS ?? 60);
const PROCESSES = Number(process.env.ERRAND_REDIS_URL_PROCESSES ?? 4);
const SEED = Number(process.env.ERRAND_SEED ?? 1);
const LIMIT_MS = 30_000;
/** So many addresses are tried side by side. */
const AT_ONCE = 8;
const BATCH = JSON.stringify([{ goal: 'Ask', provider: 'openai', model: 'm' }]);

/** How one use of an address ended, and all that could be read of it. */
type Ended = { code: number; error: ErrandError | null; text: string };

/** A Redis with the password, and addresses of it in all shapes. */
async function someUrls(count: number): Promise<string[]> {
  const ports: Ports = { served: await aFreePort(), closed: await aFreePort() };
  await startConfiguredRedis([`port ${ports.served}`, `requirepass "${PASSWORD}"`]);
  return [...new Set(fc.sample(redisUrls(ports), { numRuns: count, seed: SEED }))];
}

/** Runs to the end within the limit and keeps everything a person or a program can see. */
async function ended(url: string, run: (screen: Screen) => Promise<number>): Promise<Ended> {
  const written: string[] = [];
  const write = (text: string) => void written.push(text);
  const screen: Screen = {
    print: write,
    note: write,
    json: (value) => write(JSON.stringify(value)),
    width: 120,
    live: null,
  };
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`no end within the limit: ${JSON.stringify(url)}`)), LIMIT_MS);
  try {
    const code = await Promise.race([run(screen), late.promise]);
    return { code, error: null, text: written.join('\n') };
  } catch (error) {
    if (!isErrandError(error)) throw error;
    const { text, exitCode } = errorTextOf(error);
    // Stacks are lines of code, not of input. The rest of the error is looked into as deep as it goes.
    const whole = inspect(error, { depth: 9, showHidden: true });
    return { code: exitCode, error, text: [...written, text, whole, JSON.stringify(error)].join('\n') };
  } finally {
    clearTimeout(timer);
  }
}

/** A command reads its configuration before it first waits, so the variables are needed for that long only. */
function command(url: string, run: (screen: Screen) => Promise<number>): Promise<Ended> {
  vi.stubEnv('REDIS_URL', url);
  vi.stubEnv('ERRAND_CONFIG', '/dev/null');
  const running = ended(url, run);
  vi.unstubAllEnvs();
  return running;
}

/** Runs the commands in turn; none for an address that no environment variable can hold. */
async function commands(url: string, batchFile: string): Promise<Ended[]> {
  if (url.includes('\u0000')) return [];
  return [
    await command(url, (screen) => status(newBatchId(), { json: true }, screen)),
    await command(url, (screen) => enqueue(batchFile, { json: true }, screen)),
    await command(url, (screen) => doctor({ json: true }, screen)),
    await command(url, (screen) => doctor({}, screen)),
  ];
}

function library(url: string): Promise<Ended> {
  return ended(url, async () => {
    const producer = createProducer({ redis: url, config: '/dev/null' });
    try {
      return (await producer.enqueue({ goal: 'Ask', provider: 'openai', model: 'm' })).total - 1;
    } finally {
      await producer.close();
    }
  });
}

function worker(url: string): Promise<Ended> {
  return ended(url, async (screen) => {
    // A prefix of its own: the worker must not take the tasks that the other uses of the address enqueue.
    const output = new PassThrough().on('data', (chunk) => screen.print(String(chunk)));
    const place = { health_host: '127.0.0.1', health_port: 0, workspace_root: aFolder(), drain_grace_ms: 0 };
    const running = await createWorker({
      redis: url,
      config: '/dev/null',
      settings: { worker: place, prefix: '{idle}' },
      output,
    });
    await running.drain();
    return 0;
  });
}

/** A worker waits for a server that does not answer. That is not an end, so a process of its own shows it. */
function isAway({ error }: Ended): boolean {
  return error?.code === 'REDIS_UNAVAILABLE' && !/NOAUTH|WRONGPASS/.test(error.message);
}

function expectWell(url: string, { code, text }: Pick<Ended, 'code' | 'text'>): void {
  expect([0, 2, 3], `exit code with ${JSON.stringify(url)}`).toContain(code);
  expect(text, `bug with ${JSON.stringify(url)}`).not.toContain('INTERNAL');
  expect(piecesIn(text), `pieces of the password with ${JSON.stringify(url)} in ${text}`).toEqual([]);
}

/** What the process writes past the screen, such as warnings of libraries. */
function listenToConsole(): () => string {
  const spies = (['log', 'warn', 'error'] as const).map((level) => vi.spyOn(console, level));
  onTestFinished(() => void vi.restoreAllMocks());
  return () => spies.flatMap(({ mock }) => mock.calls.flat().map(String)).join('\n');
}

test('any address ends in success or an ErrandError, without a piece of its password', async () => {
  const batchFile = join(aFolder({ 'batch.json': BATCH }), 'batch.json');
  const said = listenToConsole();
  const urls = await someUrls(SHAPES);
  expect(urls.length).toBeGreaterThanOrEqual(40);
  const found = { succeeded: 0, refused: 0, away: 0 };
  const tryOne = async (url: string) => {
    const asked = await library(url);
    const ends = [asked, ...(await commands(url, batchFile)), ...(isAway(asked) ? [] : [await worker(url)])];
    for (const end of ends) expectWell(url, end);
    for (const { error } of ends)
      if (asked.error?.code === 'CONFIG_INVALID') expect(error?.code).toBe('CONFIG_INVALID');
    found[asked.code === 0 ? 'succeeded' : asked.error?.code === 'CONFIG_INVALID' ? 'refused' : 'away'] += 1;
  };
  // A producer gives a Redis 3 s to answer, and all of them share one processor.
  for (let at = 0; at < urls.length; at += AT_ONCE) await Promise.all(urls.slice(at, at + AT_ONCE).map(tryOne));
  expect(Math.min(...Object.values(found)), JSON.stringify(found)).toBeGreaterThan(0);
  expect(piecesIn(said())).toEqual([]);
});

test('real processes end with a code of the table and no stack trace', async () => {
  const urls = (await someUrls(SHAPES)).filter((url) => !url.includes('\u0000')); // no variable can hold it
  const folder = aFolder({ 'batch.json': BATCH });
  for (const url of urls.slice(0, PROCESSES)) {
    const variables = { REDIS_URL: url, ERRAND_HEALTH_PORT: '0', ERRAND_HEALTH_HOST: '127.0.0.1' };
    const commands = [
      ['status', newBatchId()],
      ['enqueue', 'batch.json'],
      ['doctor', '--json'],
    ];
    const running = start(['worker'], folder, variables);
    // A worker that serves or waits is told to go; one that refuses the address has ended.
    await Promise.race([running.says(/waiting for it|worker started/).catch(() => undefined), running.ended]);
    running.process.kill('SIGTERM');
    const ends = [running.ended, ...commands.map((args) => start(args, folder, variables).ended)];
    for (const { code, out, err } of await Promise.all(ends)) {
      expectWell(url, { code: code ?? -1, text: out + err });
      expect(`${out}${err}`).not.toMatch(/\n\s+at .+:\d+/);
    }
  }
});
