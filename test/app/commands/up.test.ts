import { Redis } from 'ioredis';
import { expect, onTestFinished, test } from 'vitest';
import { freshPrefix, keysOf, openRedis, redisUrl } from '../../helpers/redis.ts';
import { aFolder, start } from '../run-cli.ts';

/** The prefix that simulated work gets where `prefix` was asked for; what is under it goes with the test. */
function simulatedPrefix(prefix: string): string {
  const simulated = prefix.replace('}', '-simulated}');
  onTestFinished(async () => {
    const keys = await keysOf(simulated);
    if (keys.length > 0) await openRedis().unlink(...keys);
  });
  return simulated;
}

test('up --exit runs the sample on the given Redis and shows each task', async () => {
  const prefix = freshPrefix();
  const simulated = simulatedPrefix(prefix);
  const env = {
    REDIS_URL: redisUrl(),
    ERRAND_PREFIX: prefix,
    ERRAND_BOARD_PORT: '0',
    OPENAI_API_KEY: 'sk-real-and-unused',
  };
  const { code, out, err } = await start(['up', '--exit'], aFolder(), env).ended;
  expect(code).toBe(0);
  const cells = (pattern: string) => expect(out).toMatch(new RegExp(pattern.replaceAll(' | ', ' +'), 'm'));
  cells('^#0 Name three use.* | openai/gpt-5.6-sol | high | succeeded | 1 ');
  cells('^#1 .* | anthropic/claude-opus-5-5 | minimal → low | succeeded | 1 ');
  cells('^#2 .* | local/llama-4-maverick | medium | succeeded | 1 | \\d+ | no price$');
  cells('^#3 .* | succeeded | 2 | \\d+ | \\$0\\.\\d+$');
  cells('^#4 .* | succeeded | 1 | \\d+ | \\$0\\.\\d+ | 2: deferred 429$');
  cells('^#5 .* | acme: no model call | failed | 0 | 0 | \\$0$');
  cells('^#6 .* | failed | 1 | \\d+ | \\$0\\.\\d+$');
  cells('^#5 failed, CREDENTIAL_MISSING: Provider "acme" .*\n | what to do: Set ACME_API_KEY ');
  expect(out).not.toContain('board at');
  expect(err).toContain('Credentials found for openai. To call these providers: errand up --live');
  expect(out + err).not.toContain('sk-real');
  expect(await keysOf(prefix)).toEqual([]);
  expect((await keysOf(simulated)).length).toBeGreaterThan(0);
});

test('up serves until Ctrl-C, takes batches meanwhile, and leaves no Redis behind', async () => {
  const folder = aFolder({ 'batch.json': '{"goal":"hi","provider":"openai"}' });
  const up = start(['up'], folder, { ERRAND_BOARD_PORT: '0' });
  await up.says(/Serving until Ctrl-C/);
  await up.says(/\nboard at http:\/\/127\.0\.0\.1:\d+\n/);
  const [, url = '', prefix = ''] = await up.says(/REDIS_URL=(\S+) ERRAND_PREFIX='(\S+)'/);
  const another = start(['enqueue', 'batch.json', '--wait'], folder, { REDIS_URL: url, ERRAND_PREFIX: prefix });
  expect((await another.ended).code).toBe(0);
  up.process.kill('SIGINT');
  expect((await up.ended).code).toBe(0);
  const redis = new Redis(url, { lazyConnect: true, retryStrategy: () => null });
  redis.on('error', () => undefined);
  await expect(redis.connect()).rejects.toThrow();
});

test('the board of up asks for the login if a password is set', async () => {
  const up = start(['up'], aFolder(), { ERRAND_BOARD_PORT: '0', ERRAND_BOARD_PASSWORD: 'correct-horse-battery' });
  const [, url = ''] = await up.says(/\nboard at (http:\S+)\n/);
  const authorization = `Basic ${btoa('operator:correct-horse-battery')}`;
  const answers = [await fetch(url), await fetch(url, { headers: { authorization } })];
  expect(answers.map(({ status }) => status)).toEqual([401, 200]);
  up.process.kill('SIGINT');
  expect((await up.ended).code).toBe(0);
});

test('up --live refuses where no provider has a credential, before it starts anything', async () => {
  const { code, out, err } = await start(['up', '--live'], aFolder(), {}).ended;
  expect([code, out]).toEqual([2, '']);
  expect(err).toMatch(/^CREDENTIAL_MISSING: --live: .*\n.*env:ANTHROPIC_API_KEY, env:OPENAI_API_KEY/);
});
