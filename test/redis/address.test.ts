import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { isErrandError } from '../../src/errors.ts';
import { parseRedisAddress } from '../../src/redis/address.ts';
import { clientOptions, redisName } from '../../src/redis/target.ts';

const server = (host: string, port = 6379) => ({ kind: 'server', host, port });

function refusalOf(text: string): { message: string; remedy: string; all: string } {
  try {
    parseRedisAddress(text);
  } catch (error) {
    if (isErrandError(error, 'CONFIG_INVALID')) {
      return { message: error.message, remedy: error.remedy, all: inspect(error, { depth: 9, showHidden: true }) };
    }
    throw error;
  }
  return expect.fail('the address was accepted');
}

test.each([
  ['redis://localhost', { place: server('localhost'), database: 0, isTls: false }],
  ['redis://localhost/', { place: server('localhost'), database: 0, isTls: false }],
  ['REDIS://10.0.0.1:7000/15', { place: server('10.0.0.1', 7000), database: 15, isTls: false }],
  ['rediss://redis.example:6380', { place: server('redis.example', 6380), database: 0, isTls: true }],
  ['redis://[::1]:7000/1', { place: server('::1', 7000), database: 1, isTls: false }],
  ['redis://[fe80::1%25eth0]', { place: server('fe80::1%eth0'), database: 0, isTls: false }],
  ['redis://:@localhost', { place: server('localhost'), database: 0, isTls: false }],
  ['redis+unix:///run/redis.sock', { place: { kind: 'socket', path: '/run/redis.sock' }, database: 0, isTls: false }],
  ['redis+unix:///a%20b?db=3', { place: { kind: 'socket', path: '/a b' }, database: 3, isTls: false }],
  [
    'rediss+sentinel://a:1,[::1],b/mymaster/2',
    {
      place: {
        kind: 'sentinel',
        nodes: [
          { host: 'a', port: 1 },
          { host: '::1', port: 26_379 },
          { host: 'b', port: 26_379 },
        ],
        master: 'mymaster',
      },
      database: 2,
      isTls: true,
    },
  ],
])('%s is read as it says', (text, expected) => {
  expect(parseRedisAddress(text)).toEqual(expected);
});

test('user and password are percent-decoded, and a colon belongs to the password', () => {
  const { user, password } = parseRedisAddress('redis://an%40app:p%2F%23%3F%25:%C3%A4+@localhost:1/0');
  expect([user, password?.reveal()]).toEqual(['an@app', 'p/#?%:ä+']);
});

describe('an address is refused by name, with a remedy, without any piece of its password:', () => {
  test.each([
    ['a bare %', 'redis://:hunt%er22@h', '"%" in the password', 'write "%" as %25'],
    ['a bare % at the end', 'redis://:hunter22%@h', '"%" in the password', 'write "%" as %25'],
    ['a bare /', 'redis://:hunt/er22@h', '"/" in the user or password', '"/" as %2F'],
    ['a bare @', 'redis://u:hunt@er22@h', '"@" in the user or password', '"@" as %40'],
    ['a bare #', 'redis://u:hunt#er22@h', '"#" in the user or password', '"#" as %23'],
    ['a bare ?', 'redis://u:hunt?er22@h', '"?" in the user or password', '"?" as %3F'],
    ['two of them', 'redis://u:hunt?e/r22@h', '"/" and "?" in the user or password', '"/" as %2F and "?" as %3F'],
    ['bytes that are not UTF-8', 'redis://u:hunter22%FF@h', 'a password that is not UTF-8', 'in UTF-8'],
    ['a blank', 'redis://u:hunter22 @h', 'white space', '%20'],
    ['a line break at the end', 'redis://u:hunter22@h\n', 'white space', 'Remove it'],
    ['a user alone', 'redis://hunter22@h', 'a user without a password', 'redis://:password@host'],
    ['a missing host', 'redis://u:hunter22@', 'expected a host', 'Write redis://'],
    ['a missing @', 'redis://u:hunter22', 'expected a port from 1 to 65535', 'Write redis://'],
    ['another scheme', 'http://u:hunter22@h', 'expected redis://', 'redis+sentinel://'],
    ['no scheme', 'u:hunter22@h', 'expected redis://', 'redis+unix://'],
    ['a port above 65535', 'redis://u:hunter22@h:65536', 'expected a port', 'Write redis://'],
    ['an empty port', 'redis://u:hunter22@h:', 'expected a port', 'Write redis://'],
    ['IPv6 without brackets', 'redis://u:hunter22@::1:6379', 'more than one ":"', 'redis://[::1]:6379'],
    ['brackets without IPv6', 'redis://u:hunter22@[h]:1', 'expected a host name', 'Write redis://'],
    ['two hosts', 'redis://u:hunter22@a:1,b:2', 'more than one', 'redis'],
    ['a database that is a name', 'redis://u:hunter22@h/abc', 'expected a whole number as the database', 'such as /0'],
    ['a database with a zero before it', 'redis://u:hunter22@h/01', 'expected a whole number', 'such as /0'],
    ['a database beyond 32 bits', 'redis://u:hunter22@h/2147483648', 'expected a whole number', 'such as /0'],
    ['keyPrefix', 'redis://u:hunter22@h?keyPrefix=x', 'the option "keyPrefix"', 'Set "prefix" (ERRAND_PREFIX)'],
    ['a password option', 'redis://h/0?password=hunter22', 'the option "password"', 'before the host'],
    ['an unknown option', 'redis://h/0?hunter22=1', 'an option after "?"', 'takes no options'],
    ['a fragment', 'redis://u:hunter22@h/0#x', '"#" after the host', '%23'],
    ['a relative socket', 'redis+unix://u:hunter22@a.sock', 'expected an absolute path', 'redis+unix:///'],
    ['a socket with another option', 'redis+unix:///a.sock?db=1&x=2', 'an option after "?"', 'takes no options'],
    ['Sentinels without a master', 'redis+sentinel://u:hunter22@a,b', 'the name of the master', 'mymaster'],
  ])('%s', (_, text, message, remedy) => {
    const refusal = refusalOf(text);
    expect(refusal.message).toContain(message);
    expect(refusal.remedy).toContain(remedy);
    for (let at = 0; at + 4 <= 'hunter22'.length; at++) expect(refusal.all).not.toContain('hunter22'.slice(at, at + 4));
  });
});

test('a client gets no URL, checks the certificate, and is named without its login', () => {
  const address = parseRedisAddress('rediss://app:hunter22@redis.example:6380/3');
  const options = clientOptions({ address, tls: { ca: 'CA' }, sentinelLogin: {} });
  expect(options).toEqual({
    host: 'redis.example',
    port: 6380,
    username: 'app',
    password: 'hunter22',
    db: 3,
    disableClientInfo: true,
    replyMapping: 'legacy',
    tls: { rejectUnauthorized: true, ca: 'CA', servername: 'redis.example' },
  });
  expect(redisName(options)).toBe('Redis at redis.example:6380');
  expect(inspect(address)).not.toContain('hunter22');
});
