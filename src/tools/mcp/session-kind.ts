import type { Released, ResourceKind } from '../../agent/resource.ts';
import { withinTime } from '../../base/within-time.ts';
import type { McpConnection } from './connection.ts';
import { authorizationOf, type EnvironmentDeps } from './environment.ts';
import { serverFetch } from './http-fetch.ts';
import type { McpServer } from './settings.ts';

/** The name of the kind. */
export const MCP_SESSION = 'mcp_session';

/** How long a server may take to end a session. */
const END_WITHIN_MS = 1_000;
/** How long another worker waits for it. */
const RECLAIM_WITHIN_MS = 5_000;

/**
 * A session that a server has begun, and the id that it gave it, if it keeps sessions. `confirmed` ends the handshake.
 */
export type LiveSession = {
  id: string | undefined;
  confirmed: () => Promise<McpConnection>;
  close: () => Promise<void>;
};

/** `<task id>.<epoch>.<server>-<number>`, then the id of the session once the server has given one. */
const REF = /^([^/]+?\.\d+)\.([a-z][a-z0-9_-]*)-\d+(?:\/([\x21-\x7e]{1,512}))?$/;

/** Returns the reference of a session before it exists. */
export function sessionRef({ taskId, epoch }: { taskId: string; epoch: number }, name: string): string {
  return `${taskId}.${epoch}.${name}`;
}

/**
 * The sessions with servers over HTTP. A session is released by asking the server of the configuration to end it: a row
 * names the server, never its address.
 */
export function sessionKind(servers: readonly McpServer[], deps: EnvironmentDeps): ResourceKind<LiveSession> {
  const byName = new Map(
    servers.flatMap((server) => (server.url === undefined ? [] : ([[server.name, server]] as const))),
  );
  return {
    kind: MCP_SESSION,
    outlivesProcess: true,
    rowName: (ref) => ref.split('/', 1)[0] ?? ref,
    doubt: ({ taskId, epoch, ref }) => {
      const [, attempt, name = ''] = REF.exec(ref) ?? [];
      if (attempt !== `${taskId}.${epoch}`) return 'its reference does not belong to its task and epoch';
      return byName.has(name) ? null : 'its server is not in the configuration of this worker';
    },
    release: async (ref, live) => {
      const [, , name = '', id] = REF.exec(ref) ?? [];
      const server = byName.get(name);
      if (!server) return { evidence: 'unknown', detail: 'its server is not in the configuration of this worker' };
      await live?.close();
      if (id !== undefined)
        return endSession(server, id, { ...deps, withinMs: live ? END_WITHIN_MS : RECLAIM_WITHIN_MS });
      if (live) return { evidence: 'implied', detail: 'the server keeps no session; the connection is closed' };
      return { evidence: 'implied', detail: 'it ended with its worker before the client confirmed a session' };
    },
  };
}

async function endSession(
  { url = '', credential }: McpServer,
  id: string,
  { withinMs, ...deps }: EnvironmentDeps & { withinMs: number },
): Promise<Released> {
  const end = serverFetch(url, await authorizationOf(credential, deps));
  const request = end(url, {
    method: 'DELETE',
    headers: { 'mcp-session-id': id },
    signal: AbortSignal.timeout(withinMs),
  });
  const response = await withinTime(request, withinMs, () => new Error(`the server did not answer in ${withinMs} ms`));
  await response.body?.cancel();
  if (response.ok) return { evidence: 'acknowledged', detail: `the server ended the session (${response.status})` };
  if (response.status === 404) return { evidence: 'verified', detail: 'the server has no such session' };
  if (response.status === 405)
    return { evidence: 'implied', detail: 'the server ends its sessions by itself, and not on request (405)' };
  return { evidence: 'unknown', detail: `the server answered ${response.status}` };
}
