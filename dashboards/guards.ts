import type { MiddlewareHandler } from 'hono';
import { secureHeaders } from 'hono/secure-headers';
import type { Secret } from '../src/base/secret.ts';
import { ErrandError } from '../src/errors.ts';

/** Who may act on the board, and with which password. */
export type Operator = { user: string; password: Secret };

/** Tells whether a host name or an address is this machine. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(host);
}

/** Throws `CONFIG_INVALID` if other machines could reach the board without a password, or if the password is empty. */
export function refuseOpenDoor(host: string, operator: Operator | undefined): void {
  if (operator?.password.reveal() === '') {
    throw new ErrandError('CONFIG_INVALID', 'board password: expected a password, got an empty text');
  }
  if (isLoopback(host) || operator) return;
  const expected = 'expected a loopback address such as 127.0.0.1, or a board password to be set';
  const remedy = 'Set ERRAND_BOARD_PASSWORD or ERRAND_BOARD_PASSWORD_FILE, or set board.host to 127.0.0.1.';
  throw new ErrandError('CONFIG_INVALID', `board host "${host}": ${expected}; got no password`, { remedy });
}

/** Allows no frames, and no scripts, styles or requests of other hosts. */
export const securityHeaders: MiddlewareHandler = secureHeaders({
  contentSecurityPolicy: {
    defaultSrc: ["'self'"],
    styleSrc: ["'self'", "'unsafe-inline'"],
    imgSrc: ["'self'", 'data:'],
    objectSrc: ["'none'"],
    baseUri: ["'self'"],
    formAction: ["'self'"],
    frameAncestors: ["'none'"],
  },
  // `no-referrer` would blank the Origin header that the check of writes needs.
  referrerPolicy: 'same-origin',
  xFrameOptions: 'DENY',
  // A proxy ends TLS, so the board cannot know whether its host serves HTTPS alone.
  strictTransportSecurity: false,
});

/**
 * Refuses requests under another host name. Otherwise any web site could point its own name at 127.0.0.1 and read a
 * board without a login (DNS rebinding).
 */
export const requireLoopbackHost: MiddlewareHandler = async (c, next) => {
  if (isLoopback(new URL(c.req.url).hostname)) return next();
  return c.json({ error: { key: 'ERRORS.FORBIDDEN' }, message: 'Open the board as localhost or 127.0.0.1.' }, 403);
};

/** Refuses every method that can write. */
export const refuseWrites: MiddlewareHandler = async (c, next) => {
  if (isRead(c.req.method)) return next();
  const message = 'This board is read-only. To act on it, set ERRAND_BOARD_PASSWORD and log in.';
  return c.json({ error: { key: 'ERRORS.QUEUE_READ_ONLY' }, message }, 405, { allow: 'GET, HEAD' });
};

/** Refuses writes that another web site made the operator's browser send (CSRF). The browser adds the login to them. */
export const refuseForeignWrites: MiddlewareHandler = async (c, next) => {
  const site = c.req.header('sec-fetch-site');
  const origin = c.req.header('origin');
  const isOwn = site ? site === 'same-origin' : !origin || hostOf(origin) === c.req.header('host');
  if (isRead(c.req.method) || isOwn) return next();
  return c.json({ error: { key: 'ERRORS.FORBIDDEN' }, message: 'This request came from another web site.' }, 403);
};

function isRead(method: string): boolean {
  return method === 'GET' || method === 'HEAD';
}

function hostOf(origin: string): string | null {
  return URL.canParse(origin) ? new URL(origin).host : null;
}
