import { StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { messageOf } from '../../errors.ts';
import { type ConnectLimits, McpConnection } from './connection.ts';
import { authorizationOf, type EnvironmentDeps } from './environment.ts';
import { serverFetch } from './http-fetch.ts';
import type { ServerHolder } from './server-holder.ts';
import { type LiveSession, MCP_SESSION, sessionRef } from './session-kind.ts';
import type { McpServer } from './settings.ts';
import { NotStarted } from './start-pause.ts';

/**
 * Connects to a server over HTTP. The session that the server opens has a row on the ledger. `name` is unique among the
 * starts of the holder.
 * @throws NotStarted if the server does not answer; what `hold` throws; the reason of the signal.
 */
export async function openSession(
  server: McpServer,
  holder: ServerHolder,
  name: string,
  deps: EnvironmentDeps,
): Promise<McpConnection> {
  const fetch = serverFetch(server.url ?? '', await authorizationOf(server.credential, deps));
  const ref = sessionRef(holder, name);
  const limits = { limitMs: server.start_timeout_ms, signal: holder.signal };
  const held = await holder.hold<{ live: LiveSession }>({
    live: {
      kind: MCP_SESSION,
      ref,
      acquire: () => begin(server, fetch, limits),
      live: (begun) => begun,
      refOf: ({ id }) => (id === undefined ? ref : `${ref}/${id}`),
    },
  });
  return held.live.confirmed();
}

/**
 * Starts to connect, and resolves as soon as the server has named the session. The client confirms it only after that,
 * when its row has the name: so every session that a client uses can be ended by another worker.
 */
async function begin(
  { name, url = '' }: McpServer,
  fetch: typeof globalThis.fetch,
  limits: ConnectLimits,
): Promise<LiveSession> {
  const heldBack = holdBack(fetch);
  const transport = new StreamableHTTPClientTransport(new URL(url), { fetch: heldBack.fetch });
  const close = async () => {
    heldBack.goOn();
    await transport.close();
  };
  const opening = McpConnection.open(transport, limits).catch(async (error: unknown) => {
    await close();
    limits.signal.throwIfAborted();
    throw new NotStarted(`the MCP server "${name}" did not answer: ${messageOf(error)}`, { cause: error });
  });
  opening.catch(() => undefined); // the caller of `confirmed` gets it
  const id = await Promise.race([heldBack.named, opening.then(() => undefined)]);
  const confirmed = () => {
    heldBack.goOn();
    return opening;
  };
  return { id, confirmed, close };
}

/** Holds back the response that names a session, until told to go on. */
function holdBack(fetch: typeof globalThis.fetch) {
  const named = Promise.withResolvers<string>();
  const gate = Promise.withResolvers<void>();
  return {
    named: named.promise,
    goOn: gate.resolve,
    fetch: async (input: string | URL | Request, init?: RequestInit) => {
      const response = await fetch(input, init);
      const id = response.headers.get('mcp-session-id');
      if (id === null) return response;
      named.resolve(id);
      await gate.promise;
      return response;
    },
  };
}
