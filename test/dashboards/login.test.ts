import { PassThrough } from 'node:stream';
import { Agent, fetch } from 'undici';
import { afterAll, expect, onTestFinished, test } from 'vitest';
import { type BoardOptions, startBoard } from '../../dashboards/board.ts';
import { WrongLogins } from '../../dashboards/wrong-logins.ts';
import { Redactor, Secret } from '../../src/base/secret.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { freshPrefix, targetAt } from '../helpers/redis.ts';

const PASSWORD = 'correct horse battery';
const MINUTE = 60_000;

const dispatcher = new Agent({ connections: 100 });
afterAll(() => dispatcher.close());

/** A log whose lines are kept. */
function aLog() {
  const lines: Record<string, unknown>[] = [];
  const output = new PassThrough().on('data', (chunk) => lines.push(JSON.parse(String(chunk))));
  return { lines, log: createLog({ level: 'info', isPretty: false, redactor: new Redactor(), output }) };
}

/** A board with a login, the clock of its limit, and what it logged. `login` resolves to status, wait and cookie. */
async function aBoard(options: Partial<BoardOptions> = {}) {
  const { lines, log } = aLog();
  const clock = { nowMs: 1_000_000 };
  const board = await startBoard({
    redis: targetAt(),
    prefix: freshPrefix(),
    providers: [],
    port: 0,
    operator: { user: 'operator', password: new Secret(PASSWORD) },
    redactor: new Redactor(),
    log,
    nowMs: () => clock.nowMs,
    ...options,
  });
  onTestFinished(() => board.close());
  const login = async (password: string, headers: Record<string, string> = {}) => {
    const authorization = `Basic ${btoa(`operator:${password}`)}`;
    const answer = await fetch(`${board.url}/find`, { dispatcher, headers: { authorization, ...headers } });
    await answer.text();
    const cookie = answer.headers.get('set-cookie')?.split(';')[0];
    return { status: answer.status, wait: answer.headers.get('retry-after'), cookie };
  };
  const from = (address: string) => ({ 'x-forwarded-for': address });
  return { clock, lines, login, from };
}

function count(answers: { status: number }[], wanted: number): number {
  return answers.filter(({ status }) => status === wanted).length;
}

type Login = Awaited<ReturnType<typeof aBoard>>['login'];

async function wrongTimes(count: number, login: Login, headers: Record<string, string> = {}): Promise<number[]> {
  const statuses: number[] = [];
  for (let at = 0; at < count; at++) statuses.push((await login('wrong', headers)).status);
  return statuses;
}

test('2,000 guesses from one address: five are compared, the right login passes later', async () => {
  const { clock, lines, login } = await aBoard();
  const answers = await Promise.all(Array.from({ length: 2_000 }, (_, at) => login(`guess-${at}`)));
  expect([count(answers, 401), count(answers, 429)]).toEqual([5, 1_995]);
  expect(await login(PASSWORD)).toMatchObject({ status: 429, wait: '60' });
  clock.nowMs += MINUTE - 1;
  expect(await login(PASSWORD)).toMatchObject({ status: 429, wait: '1' });
  clock.nowMs += 1;
  expect(await login(PASSWORD)).toMatchObject({ status: 200 });

  const told = lines.map(({ msg, address, wrong, refused }) => ({ msg, address, count: wrong ?? refused }));
  const address = '127.0.0.1';
  expect(told).toEqual([
    ...[1, 2, 3, 4, 5].map((count) => ({ msg: 'wrong login', address, count })),
    ...[1, 10, 100, 1_000].map((count) => ({ msg: 'login refused: 5 wrong in a minute', address, count })),
  ]);
  expect(JSON.stringify(lines)).not.toMatch(/guess-|operator|horse/);
});

test('no minute has more than five guesses, wherever it begins', async () => {
  const { clock, login } = await aBoard();
  const compared: number[] = [];
  for (let second = 0; second < 200; second++) {
    for (const status of await wrongTimes(2, login)) if (status === 401) compared.push(second);
    clock.nowMs += 1_000;
  }
  for (const begin of compared)
    expect(compared.filter((at) => at >= begin && at < begin + 60).length).toBeLessThanOrEqual(5);
  expect(compared.length).toBeGreaterThan(15);
});

test('a right login forgives no guesses of its address', async () => {
  const { login } = await aBoard();
  expect(await wrongTimes(4, login)).toEqual([401, 401, 401, 401]);
  expect((await login(PASSWORD)).status).toBe(200);
  expect(await wrongTimes(2, login)).toEqual([401, 429]);
});

test('a browser that has logged in before has five guesses of its own', async () => {
  const { login, from } = await aBoard({ trustedProxies: 1 });
  const { cookie = '' } = await login(PASSWORD, from('192.0.2.1'));
  expect(cookie).toMatch(/^errand_board=[\w-]+\.[\w-]+$/);
  for (let at = 0; at < 60; at++) await login('wrong', from(`192.0.2.${at % 12}`));
  expect((await login(PASSWORD, from('192.0.2.1'))).status).toBe(429);
  expect((await login(PASSWORD, from('198.51.100.1'))).status).toBe(429);
  expect((await login(PASSWORD, { ...from('192.0.2.1'), cookie })).status).toBe(200);
  for (const forged of ['errand_board=.', 'errand_board=a.b', `${cookie}x`, cookie.replace('=', '=x')]) {
    expect((await login(PASSWORD, { ...from('192.0.2.1'), cookie: forged })).status).toBe(429);
  }
  expect(await wrongTimes(6, login, { ...from('192.0.2.1'), cookie })).toEqual([401, 401, 401, 401, 401, 429]);
  expect((await login(PASSWORD, { ...from('192.0.2.1'), cookie })).status).toBe(429);
});

test('guesses from 10,000 addresses: fifty a minute are compared, this host can log in', async () => {
  const { lines, login, from } = await aBoard({ trustedProxies: 1 });
  const addresses = Array.from({ length: 10_000 }, (_, at) => `10.1.${at >> 8}.${at & 255}`);
  const answers = await Promise.all(addresses.map((address) => login('wrong', from(address))));
  expect([count(answers, 401), count(answers, 429)]).toEqual([50, 9_950]);
  expect(lines.length).toBeLessThan(60);
  expect((await login(PASSWORD)).status).toBe(200);
});

test('the count keeps fifty addresses at most, and none after a minute', () => {
  const clock = { nowMs: 0 };
  const wrongLogins = new WrongLogins(aLog().log, () => clock.nowMs);
  for (let at = 0; at < 100_000; at++) {
    clock.nowMs += 10;
    const visitor = { address: `address ${at}`, isLocal: false, browser: null };
    if (wrongLogins.waitMs(visitor) === 0) wrongLogins.add(visitor);
    if (at % 1_000 === 0) expect(wrongLogins.size).toBeLessThanOrEqual(50);
  }
  clock.nowMs += MINUTE;
  expect(wrongLogins.size).toBe(0);
});

test('without a trusted proxy X-Forwarded-For is ignored', async () => {
  const { lines, login, from } = await aBoard();
  const statuses: number[] = [];
  for (let at = 0; at < 6; at++) statuses.push((await login('wrong', from(`192.0.2.${at}`))).status);
  expect(statuses).toEqual([401, 401, 401, 401, 401, 429]);
  expect((await login('wrong', from('192.0.2.9'))).status).toBe(429);
  expect(new Set(lines.map(({ address }) => address))).toEqual(new Set(['127.0.0.1', undefined]));
  expect(lines.filter(({ msg }) => /set board\.trusted_proxies/.test(String(msg)))).toHaveLength(1);
});

test.each([
  [1, '203.0.113.9, 192.0.2.1', '192.0.2.1'],
  [2, '203.0.113.9, 192.0.2.1, 10.0.0.1', '192.0.2.1'],
  [1, '192.0.2.1:5123', '192.0.2.1'],
  [1, '[2001:db8:1:2:3:4:5:6]:5123', '2001:db8:1:2::/64'],
  [1, '2001:DB8:1:2::ffff', '2001:db8:1:2::/64'],
  [1, '::ffff:192.0.2.1', '192.0.2.1'],
  [1, 'fe80::1%eth0', 'fe80::/64'],
  [2, '192.0.2.1', '127.0.0.1'],
  [1, '192.0.2.1, unknown', '127.0.0.1'],
  [1, '192.0.2.1, \u00a0"><script>', '127.0.0.1'],
  [1, '', '127.0.0.1'],
])('behind %i trusted proxies a client with "%s" counts as %s', async (trustedProxies, forwarded, address) => {
  const { lines, login, from } = await aBoard({ trustedProxies });
  await login('wrong', from(forwarded));
  expect(lines).toMatchObject([{ address, wrong: 1 }]);
});

test('the addresses of one IPv6 network count as one', async () => {
  const { login, from } = await aBoard({ trustedProxies: 1 });
  const statuses: number[] = [];
  for (let at = 0; at < 6; at++) statuses.push((await login('wrong', from(`2001:db8:1:2:${at}::${at}`))).status);
  expect(statuses).toEqual([401, 401, 401, 401, 401, 429]);
  expect((await login('wrong', from('2001:db8:1:3::1'))).status).toBe(401);
});
