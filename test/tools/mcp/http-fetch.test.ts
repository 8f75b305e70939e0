import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { serverFetch } from '../../../src/tools/mcp/http-fetch.ts';

const PART = `data: ${'x'.repeat(1024 * 1024)}`;

test.each([
  ['a stream of 40 MiB in small events is read', 'text/event-stream', '\n\n', true],
  ['a stream with one event of 40 MiB is ended', 'text/event-stream', '\n', false],
  ['an answer of 40 MiB is ended', 'application/json', '\n\n', false],
])('%s', async (_, type, end, isRead) => {
  const server = createServer((_request, response) => {
    response.writeHead(200, { 'content-type': type });
    for (let part = 0; part < 40; part++) response.write(`${PART}${end}`);
    response.end();
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`;
  const read = (await serverFetch(url, {})(url)).arrayBuffer();
  if (isRead) expect((await read).byteLength).toBeGreaterThan(40 * 1024 * 1024);
  else await expect(read).rejects.toThrow('is larger than 33554432 bytes');
});
