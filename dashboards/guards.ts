import type { MiddlewareHandler } from 'hono';
import { secureHeaders } from 'hono/secure-headers';
import type { Secret } from '../src/base/secret.ts';
import { ErrandError } from '../src/errors.ts';

/** Who may act on the board, and with which password. */
export type Operator = { user: string; password: Secret };

/** Tells whether a host name or an address means this machine. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(host);
}

/** Throws `CONFIG_INVALID` where the board would be open to other machines without a password, or for an empty one. */
export function refuseOpenDoor(host: string, operator: Operator | undefined): void {
  if (operator?.password.reveal() === '') {
    throw new ErrandError('CONFIG_INVALID', 'board password: expected a password, got an empty one');
  }
  if (isLoopback(host) || operator) return;
  const expected = 'expected a loopback address such as 127.0.0.1, or a board password to be set';
  const remedy = 'Set ERRAND_BOARD_PASSWORD or ERRAND_BOARD_PASSWORD_FILE, or set board.host to 127.0.0.1.';
  throw new ErrandError('CONFIG_INVALID', `board host "${host}": ${expected}; got no password`, { remedy });
}

/** Keeps the page to itself: no frame, no foreign script, no request to another host (the UI asks for web fonts). */
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
  // Encryption ends in front of the board, which cannot know whether its host is reached by HTTPS alone.
  strictTransportSecurity: false,
});

/**
 * Refuses requests under a foreign host name: without it any web site could read a board that has no login, by
 * pointing a name of its own at 127.0.0.1 (DNS rebinding).
 */
export const requireLoopbackHost: MiddlewareHandler = async (c, next) => {
  if (isLoopback(new URL(c.req.url).hostname)) return next();
  return c.json({ error: { key: 'ERRORS.FORBIDDEN' }, message: 'Open the board as localhost or 127.0.0.1.' }, 403);
};

/** Refuses every method that could write. */
export const refuseWrites: MiddlewareHandler = async (c, next) => {
  if (isRead(c.req.method)) return next();
  const message = 'This board is read-only. It accepts an operator once a board password is configured.';
  return c.json({ error: { key: 'ERRORS.QUEUE_READ_ONLY' }, message }, 405, { allow: 'GET, HEAD' });
};

/** Refuses writes that another web site made the operator's browser send (CSRF); the browser adds the login to them. */
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
