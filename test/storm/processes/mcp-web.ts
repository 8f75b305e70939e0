/**
 * An MCP server over HTTP, with sessions that only their clients end. A session counts once its client has confirmed it.
 * Says where it is, and at every message which sessions are open. Ends with whoever started it.
 */
import { randomUUID } from 'node:crypto';
import { serve } from '@hono/node-server';
import { WebStandardStreamableHTTPServerTransport } from '@modelcontextprotocol/server';
import { sendServer } from '../mcp-tools.ts';

const sessions = new Map<string, WebStandardStreamableHTTPServerTransport>();
const open = new Set<string>();

async function answer(request: Request): Promise<Response> {
  const id = request.headers.get('mcp-session-id');
  if (id !== null) return sessions.get(id)?.handleRequest(request) ?? new Response('no such session', { status: 404 });
  const transport = new WebStandardStreamableHTTPServerTransport({
    sessionIdGenerator: randomUUID,
    onsessioninitialized: (opened) => void sessions.set(opened, transport),
    onsessionclosed: (closed) => {
      sessions.delete(closed);
      open.delete(closed);
    },
  });
  const server = sendServer();
  server.server.oninitialized = () => void open.add(transport.sessionId ?? '');
  await server.connect(transport);
  return transport.handleRequest(request);
}

serve({ fetch: answer, port: 0, hostname: '127.0.0.1' }, ({ port }) => process.send?.(`http://127.0.0.1:${port}/mcp`));
process.once('disconnect', () => process.exit());
process.on('message', () => process.send?.([...open]));
