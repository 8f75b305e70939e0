import type { McpConnection } from './connection.ts';
import { openSession } from './http-session.ts';
import type { ServerHolder } from './server-holder.ts';
import { type ServerProcessDeps, startServer } from './server-process.ts';
import type { McpServer } from './settings.ts';
import type { StartPause } from './start-pause.ts';

/** What starting servers needs. `pause`: the pause of this server after a failed start. */
export type ServerDeps = ServerProcessDeps & { pause: StartPause };

/**
 * Starts the process of a server, or opens a session with a server over HTTP. `number` is unique among the starts of the
 * holder.
 * @throws NotStarted; what `hold` throws; the reason of the signal.
 */
export function connectTo(
  server: McpServer,
  holder: ServerHolder,
  number: number,
  deps: ServerDeps,
): Promise<McpConnection> {
  const start = server.url === undefined ? startServer : openSession;
  return deps.pause.run(() => start(server, holder, `${server.name}-${number}`, deps));
}
