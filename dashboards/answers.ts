import type { MiddlewareHandler } from 'hono';
import { HTTPException } from 'hono/http-exception';
import { timeout } from 'hono/timeout';
import type { Redactor } from '../src/base/secret.ts';
import type { BoardQueues } from '../src/queue/board-queues.ts';
import { legible } from './legible.ts';

const ANSWER_WITHIN_MS = 5_000;
const FOREIGN_STYLE = /<link\b(?=[^>]*\brel="stylesheet")[^>]*\bhref="https?:[^>]*>/g;

/** Scrubs whole JSON answers, not chosen fields, so that a new field of Bull Board cannot leak a secret. */
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

/**
 * Removes the style sheets of other hosts from pages. The page of Bull Board links to web fonts, which the board's
 * security policy blocks, and each visit would leave an error in the browser's console.
 */
export const withoutForeignStyles: MiddlewareHandler = async (c, next) => {
  await next();
  if (!c.res.headers.get('content-type')?.startsWith('text/html')) return;
  const { status } = c.res;
  const headers = new Headers(c.res.headers);
  headers.delete('content-length');
  c.res = new Response((await c.res.text()).replaceAll(FOREIGN_STYLE, ''), { status, headers });
};

/** Answers 503 with a sentence while Redis is unavailable, and after five seconds if Redis stops answering. */
export function requireRedis(queues: BoardQueues): MiddlewareHandler {
  const inTime = timeout(ANSWER_WITHIN_MS, () => new HTTPException(503, { res: unreachable() }));
  return async (c, next) => (queues.isConnected() ? inTime(c, next) : unreachable());
}

function unreachable(): Response {
  const message = 'Redis cannot be reached. The board keeps trying and recovers by itself.';
  return Response.json({ error: { key: 'ERRORS.REDIS_UNAVAILABLE' }, message }, { status: 503 });
}
