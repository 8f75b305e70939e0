import { createHash, timingSafeEqual } from 'node:crypto';
import type { Context, MiddlewareHandler } from 'hono';
import { basicAuth } from 'hono/basic-auth';
import { HTTPException } from 'hono/http-exception';
import type { Log } from '../src/telemetry/log.ts';
import { clientAddress } from './client-address.ts';
import type { Operator } from './guards.ts';
import { KnownBrowsers } from './known-browser.ts';
import { WrongLogins } from './wrong-logins.ts';

/** How logins are limited. `trustedProxies`: the number of proxies before the board. `nowMs`: a monotonic clock. */
export type LoginOptions = { log: Log; trustedProxies: number; nowMs: () => number };

/**
 * Asks for the operator's login (HTTP basic), and limits wrong ones. Compares SHA-256 digests in constant time.
 *
 * A visitor with too many wrong logins gets 429, even for the right password: any other answer would show which guess
 * was right. A right login does not reset the count: otherwise an open page of the operator would allow a neighbour
 * more guesses.
 */
export function requireLogin({ user, password }: Operator, options: LoginOptions): MiddlewareHandler {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  const expectedUser = digest(user);
  const expectedPassword = digest(password.reveal());
  const wrongLogins = new WrongLogins(options.log, options.nowMs);
  const browsers = new KnownBrowsers();
  const hint = hintOnce(options);
  // Nothing is awaited between the check and the count, so that guesses sent at the same time cannot pass together.
  const verifyUser = (givenUser: string, givenPassword: string, c: Context): boolean => {
    const visitor = { ...clientAddress(c, options.trustedProxies), browser: browsers.idOf(c) };
    const waitMs = wrongLogins.waitMs(visitor);
    if (waitMs > 0) {
      hint(c);
      throw tooMany(waitMs);
    }
    const isUser = timingSafeEqual(digest(givenUser), expectedUser);
    const isPassword = timingSafeEqual(digest(givenPassword), expectedPassword);
    if (isUser && isPassword) return true;
    wrongLogins.add(visitor);
    return false;
  };
  return basicAuth({ realm: 'Errand board', verifyUser, onAuthSuccess: (c) => browsers.remember(c) });
}

/**
 * Logs one hint. Behind an undeclared proxy all clients have one address, and one client can use up the logins of all.
 */
function hintOnce({ log, trustedProxies }: LoginOptions): (c: Context) => void {
  let isDue = trustedProxies === 0;
  return (c) => {
    if (!isDue || c.req.header('x-forwarded-for') === undefined) return;
    isDue = false;
    log.warn('X-Forwarded-For is ignored. If a proxy is in front of the board, set board.trusted_proxies to 1.');
  };
}

function tooMany(waitMs: number): HTTPException {
  const seconds = Math.ceil(waitMs / 1_000);
  const message = `Too many wrong logins. Try again in ${seconds} s.`;
  const body = { error: { key: 'ERRORS.TOO_MANY_LOGINS' }, message };
  return new HTTPException(429, {
    res: Response.json(body, { status: 429, headers: { 'retry-after': `${seconds}` } }),
  });
}
