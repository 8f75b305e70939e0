import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Context } from 'hono';
import { getCookie, setCookie } from 'hono/cookie';

const NAME = 'errand_board';
const MAX_AGE_S = 2_592_000;

/**
 * Recognizes browsers that have logged in before, by a cookie. The cookie is no login: it only separates the wrong
 * logins of an operator from those of others at the same address. It holds a random id and its signature, so the board
 * stores nothing.
 */
export class KnownBrowsers {
  /** A new key for each process, so after a restart every browser is new. */
  readonly #key = randomBytes(32);

  /** Returns the id of the browser, or `null` if it is new or its cookie is not ours. */
  idOf(c: Context): string | null {
    const [id = '', signature = ''] = getCookie(c, NAME)?.split('.') ?? [];
    const expected = Buffer.from(this.#sign(id));
    const given = Buffer.from(signature);
    return given.length === expected.length && timingSafeEqual(given, expected) ? id : null;
  }

  /** Gives a browser that has logged in an id, unless it has one. */
  remember(c: Context): void {
    if (this.idOf(c) !== null) return;
    const id = randomBytes(16).toString('base64url');
    const value = `${id}.${this.#sign(id)}`;
    setCookie(c, NAME, value, { path: '/', httpOnly: true, sameSite: 'Strict', maxAge: MAX_AGE_S });
  }

  #sign(id: string): string {
    return createHmac('sha256', this.#key).update(id).digest('base64url');
  }
}
