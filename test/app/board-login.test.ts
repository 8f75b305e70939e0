import { expect, test } from 'vitest';
import { freshPrefix, redisUrl } from '../helpers/redis.ts';
import { aFolder, start } from './run-cli.ts';

const PASSWORD = 'correct-horse-battery';
const environment = () => ({
  REDIS_URL: redisUrl(),
  ERRAND_PREFIX: freshPrefix(),
  ERRAND_BOARD_PORT: '0',
  ERRAND_BOARD_PASSWORD: PASSWORD,
});

test('errand board logs wrong logins by address behind a proxy, never what was typed', async () => {
  const board = start(['board'], aFolder(), { ...environment(), ERRAND_BOARD_TRUSTED_PROXIES: '1' });
  const [, url] = await board.says(/board at (http:\S+)/);
  const statuses: number[] = [];
  for (const password of ['guess', 'guess', 'guess', 'guess', 'guess', PASSWORD]) {
    const headers = { authorization: `Basic ${btoa(`operator:${password}`)}`, 'x-forwarded-for': '1.1.1.1, 192.0.2.7' };
    statuses.push((await fetch(`${url}/find`, { headers })).status);
  }
  expect(statuses).toEqual([401, 401, 401, 401, 401, 429]);
  await board.says(/"address":"192\.0\.2\.7","refused":1,"msg":"login refused: 5 wrong in a minute"/);
  board.process.kill('SIGTERM');
  const { code, out, err } = await board.ended;
  expect([code, err.match(/"msg":"wrong login"/g)?.length]).toEqual([0, 5]);
  expect(out + err).not.toMatch(/guess|horse|1\.1\.1\.1/);
});

test('a number of trusted proxies that is none is refused by name', async () => {
  const { code, err } = await start(['board'], aFolder(), { ...environment(), ERRAND_BOARD_TRUSTED_PROXIES: 'all' })
    .ended;
  expect([code, err]).toEqual([2, expect.stringMatching(/ERRAND_BOARD_TRUSTED_PROXIES \(board\.trusted_proxies\)/)]);
});
