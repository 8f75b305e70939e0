import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

/**
 * An MCP server over HTTP with sessions. It notes each request as method, session and authorization. `hangsAt`: the
 * method that it does not answer the first time. `atFirstCall`: whether the first call finds the session gone, or has its
 * socket broken.
 */
export async function anMcpServerOverHttp({ hangsAt = '', atFirstCall = 'answer' } = {}) {
  const requests: string[] = [];
  const sessions = new Set<string>();
  let hasHung = false;
  let opened = 0;
  let calls = 0;
  const answers: Record<string, object> = {
    initialize: {
      protocolVersion: '2025-06-18',
      capabilities: { tools: {} },
      serverInfo: { name: 'wiki', version: '1' },
    },
    ping: {},
    'tools/list': { tools: [{ name: 'look_up', inputSchema: { type: 'object' } }] },
    'tools/call': { content: [{ type: 'text', text: 'a page' }] },
  };
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    const session = String(request.headers['mcp-session-id'] ?? '-');
    requests.push(`${request.method} ${session} ${request.headers.authorization}`);
    if (request.method === 'DELETE') {
      response.writeHead(sessions.delete(session) ? 200 : 404).end();
      return;
    }
    if (request.method !== 'POST') {
      response.writeHead(405).end();
      return;
    }
    const { id, method } = JSON.parse(body);
    if (method === hangsAt && !hasHung) {
      hasHung = true;
      return;
    }
    if (method === 'tools/call' && ++calls === 1 && atFirstCall !== 'answer') {
      if (atFirstCall === 'break') request.socket.destroy();
      else response.writeHead(404).end();
      return;
    }
    if (id === undefined) {
      response.writeHead(202).end();
      return;
    }
    if (method === 'initialize') sessions.add(`session-${++opened}`);
    else if (!sessions.has(session)) {
      response.writeHead(404).end();
      return;
    }
    const named = method === 'initialize' && { 'mcp-session-id': `session-${opened}` };
    response.writeHead(200, { 'content-type': 'application/json', ...named });
    response.end(JSON.stringify({ jsonrpc: '2.0', id, result: answers[method] }));
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`, requests, sessions };
}
