import type { MiddlewareHandler } from 'hono';
import { HTTPException } from 'hono/http-exception';
import { timeout } from 'hono/timeout';
import type { Redactor } from '../src/base/secret.ts';
import type { BoardQueues } from '../src/queue/board-queues.ts';
import { legible } from './legible.ts';

const ANSWER_WITHIN_MS = 5_000;

/** Scrubs whole JSON answers rather than chosen fields, so that no field of a later Bull Board is forgotten. */
export function scrubAnswers(redactor: Redactor): MiddlewareHandler {
  return async (c, next) => {
    await next();
    c.header('cache-control', 'no-store');
    if (!c.res.headers.get('content-type')?.startsWith('application/json')) return;
    const { status } = c.res;
    const headers = new Headers(c.res.headers);
    headers.delete('content-length');
    c.res = new Response(JSON.stringify(legible(await c.res.json(), redactor)), { status, headers });
  };
}

/** Answers 503 with a sentence at once while Redis is away, and after five seconds where it went silent meanwhile. */
export function requireRedis(queues: BoardQueues): MiddlewareHandler {
  const inTime = timeout(ANSWER_WITHIN_MS, () => new HTTPException(503, { res: unreachable() }));
  return async (c, next) => (queues.isConnected() ? inTime(c, next) : unreachable());
}

function unreachable(): Response {
  const message = 'Redis cannot be reached just now. The board keeps trying and recovers by itself.';
  return Response.json({ error: { key: 'ERRORS.REDIS_UNAVAILABLE' }, message }, { status: 503 });
}
