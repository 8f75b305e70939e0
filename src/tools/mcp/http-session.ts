import { StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import type { ToolSession } from '../../agent/tool-session.ts';
import { messageOf } from '../../errors.ts';
import { McpConnection } from './connection.ts';
import { authorizationOf, type EnvironmentDeps } from './environment.ts';
import { serverFetch } from './http-fetch.ts';
import { type LiveSession, MCP_SESSION, sessionRef } from './session-kind.ts';
import type { McpServer } from './settings.ts';

/**
 * Connects to a server over HTTP for an attempt. The session that the server opens has a row on the ledger. `name` is
 * unique in the attempt.
 * @throws Error if the server does not answer; what `hold` throws; the reason of the signal.
 */
export async function openSession(
  server: McpServer,
  session: ToolSession,
  name: string,
  deps: EnvironmentDeps,
): Promise<McpConnection> {
  const url = server.url ?? '';
  const fetch = serverFetch(url, await authorizationOf(server.credential, deps));
  const ref = sessionRef(session, name);
  const limits = { limitMs: server.start_timeout_ms, signal: session.signal };
  const acquire = async (): Promise<LiveSession> => {
    const transport = new StreamableHTTPClientTransport(new URL(url), { fetch });
    try {
      const connection = await McpConnection.open(transport, limits);
      return { connection, transport, id: transport.sessionId };
    } catch (error) {
      await transport.close();
      session.signal.throwIfAborted();
      throw new Error(`the MCP server "${server.name}" did not answer: ${messageOf(error)}`, { cause: error });
    }
  };
  const held = await session.hold<{ live: LiveSession }>({
    live: {
      kind: MCP_SESSION,
      ref,
      acquire,
      live: (opened) => opened,
      refOf: ({ id }) => (id === undefined ? ref : `${ref}/${id}`),
    },
  });
  return held.live.connection;
}
