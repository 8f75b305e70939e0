import type { LookupAddress } from 'node:dns';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, isIP, type LookupFunction } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { gzipSync } from 'node:zlib';
import { describe, expect, onTestFinished, test } from 'vitest';
import { openHttpServer } from '../../../src/contract/http-server.ts';
import { Outbound } from '../../../src/outbound/outbound.ts';
import { readUrlPattern } from '../../../src/outbound/url-pattern.ts';
import { HttpSettings } from '../../../src/tools/http/settings.ts';
import { httpToolset } from '../../../src/tools/http/toolset.ts';
import { connectionAttempts } from '../../helpers/connection-attempts.ts';
import { aSession, toolsOf } from '../../helpers/tools.ts';

type Handler = (req: IncomingMessage, res: ServerResponse) => unknown;
/** What each name resolves to: to the next list with each question, and then to the last. */
type Names = Record<string, string[][]>;

const LOOPBACK = ['127.0.0.0/8'];

function resolverOf(names: Names): { lookup: LookupFunction; asked: string[] } {
  const asked: string[] = [];
  const lookup: LookupFunction = (hostname, { all }, callback) => {
    const lists = names[hostname] ?? [];
    const list = lists[Math.min(asked.filter((name) => name === hostname).length, lists.length - 1)] ?? [];
    asked.push(hostname);
    const found: LookupAddress[] = list.map((address) => ({ address, family: isIP(address.replace(/%.*/, '')) }));
    setImmediate(() => (all ? callback(null, found) : callback(null, found[0]?.address ?? '', found[0]?.family)));
  };
  return { lookup, asked };
}

/** A server on loopback. `heard`: its requests, as `METHOD path body`. `closed`: resolves when a connection closes. */
async function aServer(handle: Handler) {
  const heard: string[] = [];
  const headers: IncomingMessage['headers'][] = [];
  const closed = Promise.withResolvers<void>();
  const server = await openHttpServer(
    async (req, res) => {
      headers.push(req.headers);
      req.socket.once('close', () => closed.resolve());
      heard.push(`${req.method} ${req.url} ${(await Array.fromAsync(req)).join('')}`.trim());
      await handle(req, res);
    },
    { host: '127.0.0.1', port: 0, what: 'the server', settings: { host: 'host', port: 'port' } },
  );
  onTestFinished(() => server.close());
  return { server, url: server.url, port: server.port, heard, headers, closed: closed.promise };
}

/** A function that calls a tool of the toolset `http` with these settings and returns what the model reads. */
function caller(settings: object, names: Names = {}) {
  const { lookup, asked } = resolverOf(names);
  const { tools } = httpToolset(HttpSettings.parse(settings), lookup);
  const session = aSession();
  const owned = toolsOf(tools ?? [], { session, restores: false });
  const call = async (name: string, args: object, limitMs = 30_000) => {
    const asks = { id: 'c1', name, arguments: JSON.stringify(args) };
    const terms = { place: '1.1', signal: new AbortController().signal, limitMs, onProgress: () => undefined };
    return owned.call(asks, terms);
  };
  return { get: async (url: string, limitMs?: number) => call('http_get', { url }, limitMs), call, asked, session };
}

const says =
  (text: string, type = 'text/plain', more: Record<string, string> = {}): Handler =>
  (_, res) =>
    res.writeHead(200, { 'content-type': type, ...more }).end(text);

test('http_get returns the status, the type and the text, and sends no other header', async () => {
  const server = await aServer(says('{"grüße":1}', 'application/json; charset=utf-8', { 'set-cookie': 'a=b' }));
  const { get } = caller({ allow: [`${server.url}/v1/*`], private_addresses: LOOPBACK });
  const text = `HTTP 200 OK\nurl: ${server.url}/v1/a?b=c\ncontent-type: application/json\n\n{"grüße":1}`;
  expect(await get(`${server.url}/v1/a?b=c#d`)).toMatchObject({ text, is_error: false });
  await get(`${server.url}/v1/a`);
  expect(server.heard).toEqual(['GET /v1/a?b=c', 'GET /v1/a']);
  // Before the server would end a connection that is kept open.
  await expect.poll(() => server.server.connections, { timeout: 2_000 }).toBe(0);
  const names = ['accept', 'accept-encoding', 'connection', 'host', 'user-agent'];
  expect(server.headers.map((sent) => Object.keys(sent).sort())).toEqual([names, names]);
});

test('http_post sends the body once, with the id of the call as idempotency key', async () => {
  const server = await aServer((_, res) => res.writeHead(404).end('no such order'));
  const { call, session } = caller({ allow: [server.url], private_addresses: LOOPBACK });
  const args = { url: server.url, body: '{"a":1}' };
  const { text, is_error } = await call('http_post', args);
  expect([text.split('\n')[0], text.split('\n').at(-1), is_error]).toEqual([
    'HTTP 404 Not Found',
    'no such order',
    true,
  ]);
  expect(server.heard).toEqual(['POST / {"a":1}']);
  expect(server.headers[0]).toMatchObject({
    'content-type': 'application/json',
    'idempotency-key': `${session.taskId}/1.1`,
  });
  expect((await call('http_post', { ...args, body: 'ü'.repeat(131_073) })).text).toContain('the limit is 262144');
  expect(server.heard).toHaveLength(1);
});

test('an image comes as an image, other bytes are named and not read', async () => {
  const server = await aServer((req, res) =>
    says('GIF89a', req.url === '/i' ? 'image/gif' : 'application/pdf')(req, res),
  );
  const { get } = caller({ allow: [server.url], private_addresses: LOOPBACK });
  expect((await get(`${server.url}/i`)).text).toContain('6 bytes');
  expect((await get(`${server.url}/p`)).text).toMatch(/application\/pdf\n\n\[the body was not read/);
});

describe('no socket is opened', () => {
  const METADATA = ['169.254.169.254', '100.100.100.200', '168.63.129.16', 'fd00:ec2::254', '64:ff9b::a9fe:a9fe'];
  const PRIVATE = ['127.0.0.1', '10.0.0.1', '192.168.0.1', '100.64.0.1', '0.0.0.0', '::1', 'fd00::1', 'fe80::1%lo'];
  const CARRIED = ['::ffff:127.0.0.1', '::ffff:7f00:1', '64:ff9b::127.0.0.1', '2002:7f00:1::1', '::127.0.0.1'];

  test.each([...METADATA, ...PRIVATE, ...CARRIED])(
    'to a name at %s, alone or beside a public address',
    async (address) => {
      const { sockets } = connectionAttempts();
      for (const list of [[address], ['8.8.8.8', address], ['2606:4700::1111', address]]) {
        const { get } = caller({ allow: ['http://wiki.example/*'] }, { 'wiki.example': [list] });
        const { text, is_error } = await get('http://wiki.example/');
        expect(text).toContain('http_get failed: "wiki.example" is at an address that may not be called');
        expect(text).not.toContain(address);
        expect(is_error).toBe(true);
      }
      expect(sockets).toBe(0);
    },
  );

  test.each([
    ...['2130706433', '0x7f000001', '017700000001', '127.1', '0177.0.0.1', '0x7f.1', '127.0.0.1.', '%3127.0.0.1'],
    ...['[::1]', '[::ffff:127.0.0.1]', '[::ffff:7f00:1]', '[0:0:0:0:0:ffff:127.0.0.1]', '１２７.0.0.1', '127。0。0。1'],
  ])('to the host %s, listed or not', async (host) => {
    const seen = connectionAttempts();
    const { get } = caller({ allow: ['http://wiki.example'] });
    expect((await get(`http://${host}/`)).text).toContain('is not an allowed address');
    const literal = new URL(`http://${host.replace(/\.$/, '')}`).hostname;
    const { get: getListed } = caller({ allow: [`http://${literal}`] });
    expect((await getListed(`http://${host}/`)).text).toMatch(/may not be called \(loopback\)|not an allowed address/);
    expect(seen.sockets).toBe(0);
  });

  test.each([
    ['http://user:pass@wiki.example/', 'without a user name'],
    ['http://user@wiki.example/', 'without a user name'],
    ['http://wiki.example:81/', 'not an allowed address'],
    ['https://wiki.example/', 'not an allowed address'],
    ['ftp://wiki.example/', 'not an allowed address'],
    ['file:///etc/passwd', 'not an allowed address'],
    ['data:text/plain,x', 'not an allowed address'],
    ['//wiki.example/', 'expected a whole URL'],
    ['http://wiki.example:99999/', 'expected a whole URL'],
    ['http://[fe80::1%25lo]/', 'expected a whole URL'],
    ['http://wiki.example\\@evil.example/', 'has no address'],
    [`http://wiki.example/${'x'.repeat(9_000)}`, 'expected a whole URL'],
  ])('for the URL %s', async (url, why) => {
    const seen = connectionAttempts();
    expect((await caller({ allow: ['http://wiki.example/*'] }).get(url)).text).toContain(why);
    expect(seen.sockets).toBe(0);
  });
});

test('a name that changes after its check is reached where it was checked', async () => {
  const server = await aServer(says('hello'));
  const seen = connectionAttempts();
  const settings = { allow: [`http://wiki.example:${server.port}`], private_addresses: ['127.0.0.1/32'] };
  const { get, asked } = caller(settings, { 'wiki.example': [['127.0.0.1'], ['127.0.0.2'], ['169.254.169.254']] });
  const url = `http://wiki.example:${server.port}/`;
  expect((await get(url)).text).toContain('hello');
  expect((await get(url)).text).toContain('may not be called (loopback)');
  expect((await get(url)).text).toContain('may not be called (metadata)');
  expect(asked).toEqual(Array(3).fill('wiki.example'));
  expect(seen.addresses).toEqual(['127.0.0.1']);
  expect(server.headers[0]?.host).toBe(`wiki.example:${server.port}`);
});

describe('a redirect', () => {
  /** A server that redirects every path but `/end`, and a function that follows it. */
  async function redirecting(location: (port: number) => string, status = 302, names: Names = {}) {
    const server = await aServer((req, res) => {
      if (req.url === '/end') return says('the end')(req, res);
      res.writeHead(status, { location: location(server.port) }).end();
    });
    const allow = ['wiki.example', 'other.example', '127.0.0.1'].map((host) => `http://${host}:${server.port}`);
    const known = { 'wiki.example': [['127.0.0.1']], ...names };
    const { call } = caller({ allow, private_addresses: ['127.0.0.1/32'] }, known);
    const url = `http://wiki.example:${server.port}/a`;
    return { server, get: () => call('http_get', { url }), post: () => call('http_post', { url, body: 'order' }) };
  }

  test.each<[string, (port: number) => string, Names, string]>([
    ['a host that is not allowed', () => 'http://evil.example/', {}, 'is not an allowed address'],
    ['another port', () => 'http://127.0.0.1:1/', {}, 'is not an allowed address'],
    ['another scheme', (port) => `https://127.0.0.1:${port}/`, {}, 'is not an allowed address'],
    ['a file', () => 'file:///etc/passwd', {}, 'is not an allowed address'],
    ['metadata by number', () => 'http://2852039166/', {}, 'is not an allowed address'],
    ['an octal loopback', () => 'http://0177.0.0.2/', {}, 'is not an allowed address'],
    ['a login', (port) => `http://a:b@127.0.0.1:${port}/end`, {}, 'without a user name'],
    [
      'a name at metadata',
      (port) => `http://other.example:${port}/end`,
      { 'other.example': [['169.254.169.254']] },
      '(metadata)',
    ],
    [
      'a name at a private IPv6',
      (port) => `http://other.example:${port}/end`,
      { 'other.example': [['fd00::1']] },
      '(uniqueLocal)',
    ],
    ['its own name, which moved', () => '/end', { 'wiki.example': [['127.0.0.1'], ['127.0.0.2']] }, '(loopback)'],
    ['nonsense', () => 'http://[', {}, 'is not a URL'],
  ])('to %s is not followed', async (_, location, names, why) => {
    const { server, get, post } = await redirecting(location, 307, names);
    const seen = connectionAttempts();
    expect((await get()).text).toContain(why);
    if (Object.keys(names).length === 0) expect((await post()).text).toContain(why);
    expect([...new Set(seen.addresses)]).toEqual(['127.0.0.1']);
    expect(new Set(server.heard.map((line) => line.split(' ')[1]))).toEqual(new Set(['/a']));
  });

  test('to itself ends after five', async () => {
    const { server, get } = await redirecting(() => '/a');
    expect((await get()).text).toContain('redirected more than 5 times');
    expect(server.heard).toHaveLength(6);
  });

  test.each([
    [301, 'GET /end'],
    [302, 'GET /end'],
    [303, 'GET /end'],
    [307, 'POST /end order'],
    [308, 'POST /end order'],
  ])('with status %d of a POST becomes %s', async (status, then) => {
    const { server, post } = await redirecting((port) => `http://127.0.0.1:${port}/end`, status);
    expect((await post()).text).toContain('the end');
    expect(server.heard).toEqual(['POST /a order', then]);
    expect('content-type' in (server.headers[1] ?? {})).toBe(status >= 307);
  });

  test('to another origin takes no credentials with it; within the origin it does', async () => {
    const server = await aServer((req, res) => {
      const to = req.url === '/a' ? '/b' : `http://127.0.0.1:${server.port}/end`;
      if (req.url === '/end') return says('')(req, res);
      res.writeHead(302, { location: to }).end();
    });
    const { lookup } = resolverOf({ 'wiki.example': [['127.0.0.1']] });
    const allow = [`http://wiki.example:${server.port}`, server.url].flatMap((text) => {
      const reading = readUrlPattern(text);
      return reading.status === 'read' ? [reading.pattern] : [];
    });
    const headers = { authorization: 'Bearer x', cookie: 'a=b', 'x-key': 'x', accept: 'text/plain' };
    const url = `http://wiki.example:${server.port}/a`;
    const signal = AbortSignal.timeout(10_000);
    const outbound = new Outbound({ allow, privateAddresses: LOOPBACK, lookup });
    await outbound.send({ method: 'GET', url, headers, signal }, async () => undefined);
    expect(server.headers.slice(0, 2)).toMatchObject([headers, headers]);
    expect(Object.keys(server.headers[2] ?? {}).sort()).toEqual([
      'accept',
      'accept-encoding',
      'connection',
      'host',
      'user-agent',
    ]);
  });
});

describe('a hostile server', () => {
  async function against(handle: Handler) {
    const server = await aServer(handle);
    const { get, call } = caller({ allow: [server.url], private_addresses: LOOPBACK });
    return { ...server, call, get: (limitMs?: number) => get(server.url, limitMs) };
  }

  test.each(['text/plain', 'image/png'])('that sends %s without an end is cut, and its socket closed', async (type) => {
    let sent = 0;
    const { get, closed } = await against((_, res) => {
      res.writeHead(200, { 'content-type': type });
      const more = () => {
        while (!res.destroyed && res.write('ü'.repeat(8_192))) sent += 1;
      };
      res.on('drain', more);
      more();
    });
    const { text } = await get();
    if (type === 'text/plain') expect(text).toMatch(/ü\n\[cut after 61440 bytes; the rest was not read\]$/);
    else expect(text).toContain('the image has more than 1048576 bytes');
    await closed;
    expect(sent * 16_384).toBeLessThan(32 * 1024 * 1024);
  });

  test.each<[string, Handler]>([
    ['headers', () => undefined],
    ['a body', (_, res) => void res.writeHead(200, { 'content-type': 'text/plain' }).write('a')],
  ])('that never ends its %s holds the call up to its limit, and loses its socket', async (_, handle) => {
    const { get, closed } = await against(handle);
    expect(await get(300)).toMatchObject({ text: 'http_get failed: timed out after 0.3 s', is_error: true });
    await closed;
  });

  test.each(['gzip', 'br', 'identity, gzip', 'unknown'])(
    'with the coding %s is refused before it is decoded',
    async (coding) => {
      const bomb = gzipSync(Buffer.alloc(16 * 1024 * 1024));
      const { get, closed } = await against((_, res) => {
        res.writeHead(200, { 'content-type': 'text/plain', 'content-encoding': coding }).end(bomb);
      });
      expect((await get()).text).toBe(
        'http_get failed: the server sent a compressed body; expected a plain one, as the request asks for',
      );
      await closed;
    },
  );

  test('that never ends the TLS handshake loses its socket at the limit of the call', async () => {
    const closed = Promise.withResolvers<void>();
    const silent = createServer((socket) =>
      socket
        .on('close', closed.resolve)
        .on('error', () => undefined)
        .resume(),
    );
    await new Promise<void>((resolve) => void silent.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void silent.close());
    const { port } = silent.address() as { port: number };
    const url = `https://127.0.0.1:${port}`;
    const startedMs = performance.now();
    const { text } = await caller({ allow: [url], private_addresses: LOOPBACK }).get(url, 300);
    expect(text).toBe('http_get failed: timed out after 0.3 s');
    await closed.promise;
    // A socket that nothing ends would be closed after 10 s.
    expect(performance.now() - startedMs).toBeLessThan(5_000);
  }, 15_000);

  test('that breaks off is an error without an address', async () => {
    const { get } = await against((_, res) => {
      res.writeHead(200, { 'content-type': 'text/plain', 'content-length': '9' }).write('a', () => res.destroy());
    });
    const { text, is_error } = await get();
    expect(text).toMatch(/^http_get failed: the connection to 127\.0\.0\.1:\d+ failed \(\w+\)$/);
    expect(is_error).toBe(true);
  });
});

test.each([
  ['content_type', 'text/plain\r\nx-evil: 1'],
  ['content_type', 'text/plain\nx-evil: 1'],
  ['accept', '*/*\r\nx-evil: 1'],
  ['headers', { 'x-evil': '1' }],
  ['url', '/\r\nx-evil: 1\r\n'],
  ['url', '/ HTTP/1.1\r\nx-evil: 1\r\n\r\nGET /evil'],
])('a line break in %s (%j) adds no header and no request', async (field, value) => {
  const server = await aServer(says(''));
  const { call } = caller({ allow: [server.url], private_addresses: LOOPBACK });
  const given = field === 'url' ? `${server.url}${value}` : value;
  await call('http_post', { url: server.url, body: 'x', [field]: given });
  expect(server.headers.filter((sent) => 'x-evil' in sent)).toEqual([]);
  expect(server.heard.length).toBeLessThanOrEqual(1);
});

test('TLS is made for the name, although the socket goes to the checked address', async () => {
  const named = Promise.withResolvers<string>();
  const server = createTlsServer({
    SNICallback: (name, done) => {
      named.resolve(name);
      done(new Error('no certificate'));
    },
  });
  server.on('tlsClientError', () => undefined);
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const { port } = server.address() as { port: number };
  const settings = { allow: [`https://wiki.example:${port}`], private_addresses: LOOPBACK };
  const { get } = caller(settings, { 'wiki.example': [['127.0.0.1']] });
  expect((await get(`https://wiki.example:${port}/`)).text).toContain(`the connection to wiki.example:${port} failed`);
  expect(await named.promise).toBe('wiki.example');
});
