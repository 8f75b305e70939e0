import type { IncomingMessage, ServerResponse } from 'node:http';
import { expect, onTestFinished, test } from 'vitest';
import { type HttpLimits, type HttpServer, openHttpServer } from '../../src/contract/http-server.ts';
import { rawClient } from '../helpers/raw-client.ts';

type Handler = (req: IncomingMessage, res: ServerResponse) => unknown;

const LONG_MS = 600_000;
/** No limit of time ends anything, but the one that a test sets. */
const PATIENT = { headersMs: LONG_MS, requestMs: LONG_MS, keepAliveMs: LONG_MS, unreadMs: LONG_MS, closeMs: LONG_MS };
const GET = 'GET / HTTP/1.1\r\nhost: a\r\n\r\n';

const greet: Handler = (_, res) => void res.end('hello');

async function aServer(handle: Handler, limits: Partial<HttpLimits> = {}): Promise<HttpServer> {
  const settings = { host: 'host', port: 'port' };
  const at = { what: 'test server', host: '127.0.0.1', port: 0, settings };
  const server = await openHttpServer(handle, at, { ...PATIENT, closeMs: 0, ...limits });
  onTestFinished(() => server.close());
  return server;
}

test.each([
  ['no request at all', '', { unreadMs: 100 }, /^$/],
  ['headers that do not end', 'GET / HTTP/1.1\r\nhost: a\r\n', { headersMs: 100 }, /^HTTP\/1\.1 408 /],
  [
    'a body that does not end',
    'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\n1',
    { requestMs: 100 },
    /^HTTP\/1\.1 408 /,
  ],
  ['no second request', GET, { keepAliveMs: 100 }, /hello$/],
  ['a request that does not parse', 'what\r\n\r\n', {}, /^HTTP\/1\.1 400 /],
  [
    'headers that are too large',
    `GET / HTTP/1.1\r\nhost: a\r\nx: ${'x'.repeat(20_000)}\r\n\r\n`,
    {},
    /^HTTP\/1\.1 431 /,
  ],
  [
    'a body that is declared too large',
    'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 99999\r\n\r\n',
    {},
    /^HTTP\/1\.1 413 /,
  ],
  ['a method that is none', 'CONNECT a:1 HTTP/1.1\r\nhost: a\r\n\r\n', {}, /^$/],
])('a client that sends %s is answered and closed', async (_, text, limits, answer) => {
  const waitForBody: Handler = async (req, res) => {
    if (req.method === 'POST') await Array.fromAsync(req);
    greet(req, res);
  };
  const server = await aServer(waitForBody, limits);
  const client = await rawClient(server.url);
  client.socket.write(text);
  expect(await client.ended).toMatch(answer);
  await expect.poll(() => server.connections).toBe(0);
});

test.each<[string, Handler]>([
  ['reads it by event', (req, res) => req.on('data', () => undefined).on('end', () => res.end('whole'))],
  ['reads it by iteration', async (req, res) => void res.end(`${(await Array.fromAsync(req)).length}`)],
])('a chunked body that grows too large is refused, if the handler %s', async (_, handle) => {
  const { url } = await aServer(handle, { maxBodyBytes: 100_000 });
  const small = await rawClient(url);
  const client = await rawClient(url);
  client.socket.write('POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n');
  const chunk = `4000\r\n${'x'.repeat(0x4000)}\r\n`;
  while (!client.socket.destroyed) {
    client.socket.write(chunk);
    await new Promise(setImmediate);
  }
  expect(await client.ended).toMatch(/^(HTTP\/1\.1 413 |$)/);
  small.socket.write('POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n');
  expect(await small.says(/\r\n\r\n/)).toMatch(/^HTTP\/1\.1 200 /);
});

test('a client that sends empty lines instead of its next request is closed', async () => {
  const server = await aServer(greet, { keepAliveMs: 300, headersMs: 300 });
  const client = await rawClient(server.url);
  client.socket.write(GET);
  await client.says(/hello$/);
  const lines = setInterval(() => client.socket.write('\r\n'), 50);
  onTestFinished(() => clearInterval(lines));
  expect(await client.ended).toMatch(/hello$/);
});

test('a connection that asked for an upgrade is closed after its reply', async () => {
  const { url } = await aServer(greet);
  const client = await rawClient(url);
  client.socket.write(`GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n${GET}`);
  expect(await client.ended).toMatch(/connection: close[\s\S]*hello/i);
});

test('a client that never reads its replies is closed', async () => {
  const server = await aServer((_, res) => void res.end('x'.repeat(1_000_000)), { unreadMs: 200 });
  const { socket } = await rawClient(server.url);
  // More than the buffers of the system take.
  socket.pause().write(GET.repeat(30));
  await expect.poll(() => server.connections).toBe(0);
});

test('a client that sends a thousand requests ahead of their replies is closed', async () => {
  let handled = 0;
  const { url } = await aServer(() => void handled++);
  const client = await rawClient(url);
  client.socket.write(GET.repeat(1_000));
  expect(await client.ended).toBe('');
  expect(handled).toBeLessThanOrEqual(32);
});

test('a reply that takes longer than every limit is not cut, streaming or silent', async () => {
  const { promise: silence, resolve: speak } = Promise.withResolvers<void>();
  const short = { headersMs: 100, requestMs: 100, keepAliveMs: 100, unreadMs: 100 };
  const { url } = await aServer(async (req, res) => {
    res.write('begin ');
    if (req.url === '/silent') await silence;
    for (let at = 0; req.url !== '/silent' && at < 50; at++) {
      await new Promise((resolve) => setTimeout(resolve, 60));
      res.write(`${at} `);
    }
    speak();
    res.end('end');
  }, short);
  const [silent, stream] = await Promise.all([fetch(`${url}/silent`), fetch(url)]);
  expect(await stream.text()).toMatch(/^begin 0 .* 49 end$/);
  expect(await silent.text()).toBe('begin end');
});

test.each<[string, Handler]>([
  [
    'throws',
    () => {
      throw new Error('broken');
    },
  ],
  [
    'rejects',
    async () => {
      throw new Error('broken');
    },
  ],
])('a handler that %s is answered with 500, and the server goes on', async (_, fail) => {
  const { url } = await aServer((req, res) => (req.url === '/broken' ? fail(req, res) : greet(req, res)));
  expect((await fetch(`${url}/broken`)).status).toBe(500);
  expect(await (await fetch(url)).text()).toBe('hello');
});

test.each([
  ['half-open', 'GET / HTTP/1.1\r\n'],
  ['silent', ''],
  ['running', 'GET /hang HTTP/1.1\r\nhost: a\r\n\r\n'],
])('a probe is answered while %s connections fill the server', async (_, text) => {
  const server = await aServer((req, res) => (req.url === '/hang' ? undefined : greet(req, res)), {
    maxConnections: 10,
  });
  const held = await Promise.all(Array.from({ length: 30 }, () => rawClient(server.url)));
  for (const { socket } of held) socket.write(text);
  expect(await (await fetch(server.url)).text()).toBe('hello');
  expect(server.connections).toBeLessThanOrEqual(10);
});

test('close lets running requests finish, ends idle connections and takes no new one', async () => {
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  const { promise: running, resolve: runs } = Promise.withResolvers<void>();
  const server = await aServer(
    async (req, res) => {
      if (req.url !== '/slow') return greet(req, res);
      runs();
      await released;
      res.end('finished');
    },
    { closeMs: LONG_MS },
  );
  const idle = await rawClient(server.url);
  const halfOpen = await rawClient(server.url);
  const slow = await rawClient(server.url);
  idle.socket.write(GET);
  await idle.says(/hello$/);
  halfOpen.socket.write('GET / HTTP/1.1\r\n');
  slow.socket.write('GET /slow HTTP/1.1\r\nhost: a\r\n\r\n');
  await running;
  const closing = server.close();
  expect(await idle.ended).toMatch(/hello$/);
  expect(await halfOpen.ended).toBe('');
  await expect(fetch(server.url)).rejects.toThrow();
  release();
  await closing;
  expect(await slow.ended).toMatch(/finished\r\n0\r\n\r\n$|finished$/);
});

test('close ends a request that goes on beyond its limit', async () => {
  const server = await aServer((_, res) => void res.write('begin'), { closeMs: 100 });
  const client = await rawClient(server.url);
  client.socket.write(GET);
  await client.says(/begin/);
  await Promise.all([server.close(), server.close(), client.ended]);
});
