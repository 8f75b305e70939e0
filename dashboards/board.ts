import { getRequestListener } from '@hono/node-server';
import { Hono } from 'hono';
import { monotonicMs } from '../src/base/clock.ts';
import type { Redactor } from '../src/base/secret.ts';
import { type HttpServer, openHttpServer } from '../src/contract/http-server.ts';
import { type BoardQueues, openBoardQueues } from '../src/queue/board-queues.ts';
import type { RedisTarget } from '../src/redis/target.ts';
import type { Log } from '../src/telemetry/log.ts';
import { requireRedis, scrubAnswers, withoutForeignStyles } from './answers.ts';
import { bullBoard } from './bull-board.ts';
import { findById } from './find.ts';
import {
  type Operator,
  refuseForeignWrites,
  refuseOpenDoor,
  refuseWrites,
  requireLoopbackHost,
  securityHeaders,
} from './guards.ts';
import { requireLogin } from './login.ts';

/** What a board shows, its address, and who may act on it. */
export type BoardOptions = {
  redis: RedisTarget;
  /** Key prefix of everything Errand keeps in Redis. */
  prefix: string;
  /** Providers whose lanes are shown. */
  providers: readonly string[];
  /** Address to listen on. Default `127.0.0.1`. An address other than loopback needs an operator. */
  host?: string;
  /** Port to listen on; 0 takes a free port. */
  port: number;
  /** If absent, the board is read-only and open to this machine. If set, every page asks for this login. */
  operator?: Operator;
  /** Proxies before the board that append to `X-Forwarded-For`. Default 0: the header is ignored. */
  trustedProxies?: number;
  /** Where wrong logins are logged. */
  log: Log;
  /** A monotonic clock, for the limit of wrong logins. */
  nowMs?: () => number;
  /** Knows the secrets that must not be shown. */
  redactor: Redactor;
  /** How often an open page refreshes. Default 5000. */
  pollMs?: number;
};

/** A running board. */
export type Board = {
  /** Its address, for example `http://127.0.0.1:3000`. */
  url: string;
  /** Stops listening, and closes the connections of clients and the connection to Redis. */
  close(): Promise<void>;
};

/**
 * Serves Bull Board over the batches, the gates and one lane per provider. Also starts while Redis is unavailable;
 * every answer then says so until Redis is back.
 *
 * Throws `CONFIG_INVALID` if it would listen beyond loopback without a login, and `ADDRESS_IN_USE` or `CONFIG_INVALID`
 * if it cannot listen.
 */
export async function startBoard(options: BoardOptions): Promise<Board> {
  const { host = '127.0.0.1', port, operator, redactor, pollMs = 5000 } = options;
  const { log, trustedProxies = 0, nowMs = monotonicMs } = options;
  refuseOpenDoor(host, operator);
  const queues = await openBoardQueues(options);
  const app = new Hono();
  app.use(securityHeaders);
  app.get('/healthz', (c) => c.json({ status: 'ok', redis: queues.isConnected() ? 'connected' : 'unreachable' }));
  app.use(operator ? requireLogin(operator, { log, trustedProxies, nowMs }) : requireLoopbackHost);
  app.use(operator ? refuseForeignWrites : refuseWrites);
  app.use('/api/*', scrubAnswers(redactor), requireRedis(queues));
  app.get('/find', findById(queues));
  app.use(withoutForeignStyles);
  app.route('/', bullBoard(queues, { hasOperator: operator !== undefined, redactor, pollMs }));
  return listen(app, queues, host, port);
}

const SETTINGS = { host: 'board.host (ERRAND_BOARD_HOST)', port: 'board.port (ERRAND_BOARD_PORT)' };

async function listen(app: Hono, queues: BoardQueues, host: string, port: number): Promise<Board> {
  const at = { what: 'board', host, port, settings: SETTINGS };
  let server: HttpServer;
  try {
    server = await openHttpServer(getRequestListener(app.fetch), at);
  } catch (error) {
    await queues.close();
    throw error;
  }
  return {
    url: server.url,
    close: async () => {
      await server.close();
      await queues.close();
    },
  };
}
