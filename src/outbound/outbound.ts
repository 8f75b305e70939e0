import { type LookupAddress, lookup as resolve } from 'node:dns';
import type { IncomingHttpHeaders } from 'node:http';
import { isIP, type LookupFunction } from 'node:net';
import type { Readable } from 'node:stream';
import { Agent, buildConnector, type Dispatcher, request } from 'undici';
import { unlessAborted } from '../base/unless-aborted.ts';
import { unreachableKindOf } from './address.ts';
import { allowsUrl, type UrlPattern } from './url-pattern.ts';

const MAX_REDIRECTS = 5;
const MAX_URL_CHARS = 8_192;
const CONNECT_MS = 10_000;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);

/** The headers that a request keeps if a redirect leads to another origin. All others may be credentials. */
const HARMLESS = new Set(['accept', 'accept-encoding', 'content-type', 'idempotency-key', 'user-agent']);
/** The headers that describe a body. They go with it. */
const OF_BODY = new Set(['content-type', 'idempotency-key']);

/** An outgoing request. The names of headers are in lower case. */
export type OutboundRequest = {
  method: 'GET' | 'POST';
  url: string;
  headers: Readonly<Record<string, string>>;
  body?: string | undefined;
  signal: AbortSignal;
};

/** The answer to a request, after all redirects. `url`: which address sent it. The body is not decoded. */
export type OutboundAnswer = { url: string; status: number; headers: IncomingHttpHeaders; body: Readable };

/**
 * What may be called: the URLs, and the subnets of addresses that are not public. `lookup` resolves names; by default
 * as the operating system does.
 */
export type OutboundTerms = {
  allow: readonly UrlPattern[];
  privateAddresses: readonly string[];
  lookup?: LookupFunction | undefined;
};

/** One request of a chain of redirects: the answer was used, or it names the next request. */
type Hop<T> = { status: 'answered'; value: T } | { status: 'redirected'; next: OutboundRequest };

/**
 * Sends requests to the addresses that an operator allows, for a caller that must not choose them freely.
 *
 * Invariants
 * - Each hop of a redirect is checked like the first request: its URL, and every address of its host.
 * - A name is resolved once for each hop. The socket connects only to the addresses that were checked, so a name that
 *   changes its addresses afterwards reaches nothing else.
 * - No connection, cookie or proxy is shared between requests: each hop has a connection of its own.
 */
export class Outbound {
  readonly #allow: readonly UrlPattern[];
  readonly #privateAddresses: readonly string[];
  readonly #lookup: LookupFunction;

  constructor({ allow, privateAddresses, lookup = resolve }: OutboundTerms) {
    this.#allow = allow;
    this.#privateAddresses = privateAddresses;
    this.#lookup = lookup;
  }

  /**
   * Sends a request, follows up to 5 redirects, and returns what `use` makes of the answer. The connection is closed
   * when `use` ends, so it must read what it needs of the body.
   * @throws Error with a message that may be shown to the caller: it has no address of a host. Or the signal's reason.
   */
  async send<T>(asked: OutboundRequest, use: (answer: OutboundAnswer) => Promise<T>): Promise<T> {
    let next = asked;
    for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
      const hop = await this.#hop(next, use);
      if (hop.status === 'answered') return hop.value;
      next = hop.next;
    }
    throw new Error(`the server redirected more than ${MAX_REDIRECTS} times`);
  }

  async #hop<T>(asked: OutboundRequest, use: (answer: OutboundAnswer) => Promise<T>): Promise<Hop<T>> {
    const { method, headers, body = null, signal } = asked;
    const url = this.#allowedUrl(asked.url);
    const addresses = await this.#addressesOf(url, signal);
    const over = new AbortController();
    const dispatcher = agentFor(addresses, over.signal);
    try {
      const sent = { ...headers, 'accept-encoding': 'identity', 'user-agent': 'errand' };
      const asking = request(url, { method, headers: sent, body, signal, dispatcher });
      const answer = await unlessAborted(asking, signal);
      // An error of a body that is no longer read must not end the process.
      answer.body.on('error', () => undefined);
      const { location } = answer.headers;
      if (REDIRECTS.has(answer.statusCode) && typeof location === 'string') {
        return { status: 'redirected', next: redirected(asked, url, { status: answer.statusCode, location }) };
      }
      assertPlain(answer.headers);
      const given = { url: url.href, status: answer.statusCode, headers: answer.headers, body: answer.body };
      return { status: 'answered', value: await unlessAborted(use(given), signal) };
    } catch (error) {
      signal.throwIfAborted();
      throw connectionFault(error, url);
    } finally {
      over.abort();
      await dispatcher.destroy();
    }
  }

  /** @throws Error if the text is no URL, or a URL that the operator does not allow. */
  #allowedUrl(text: string): URL {
    const url = text.length <= MAX_URL_CHARS ? URL.parse(text) : null;
    if (url === null) throw new Error(`expected a whole URL of at most ${MAX_URL_CHARS} characters`);
    if (url.username !== '' || url.password !== '')
      throw new Error('expected a URL without a user name and a password');
    url.hash = '';
    if (this.#allow.some((pattern) => allowsUrl(pattern, url))) return url;
    throw new Error(
      `${url.origin === 'null' ? url.protocol : `${url.origin}${url.pathname}`} is not an allowed address`,
    );
  }

  /** Resolves a host once, and checks every address. @throws Error if it has none, or one that may not be reached. */
  async #addressesOf({ hostname }: URL, signal: AbortSignal): Promise<LookupAddress[]> {
    const host = hostname.replace(/^\[(.*)\]$/, '$1');
    const family = isIP(host);
    const found = family === 0 ? await unlessAborted(this.#resolve(host), signal) : [{ address: host, family }];
    for (const { address } of found) {
      const kind = unreachableKindOf(address, this.#privateAddresses);
      if (kind !== null) throw new Error(`"${host}" is at an address that may not be called (${kind})`);
    }
    return found;
  }

  #resolve(host: string): Promise<LookupAddress[]> {
    return new Promise((found, fail) => {
      this.#lookup(host, { all: true }, (error, addresses) => {
        if (error || typeof addresses === 'string' || addresses.length === 0) {
          fail(new Error(`the name "${host}" has no address`, { cause: error }));
        } else found(addresses);
      });
    });
  }
}

/**
 * Makes an agent for one request. It connects to the given addresses only. `signal` ends its socket, also while it
 * connects: the agent itself would wait for it.
 */
function agentFor(addresses: LookupAddress[], signal: AbortSignal): Dispatcher {
  const [first] = addresses;
  const lookup: LookupFunction = (_, { all }, callback) => {
    if (all) callback(null, addresses);
    else callback(null, first?.address ?? '', first?.family);
  };
  const connect = buildConnector({ allowH2: false, timeout: CONNECT_MS, lookup, signal });
  return new Agent({ headersTimeout: 0, bodyTimeout: 0, allowH2: false, connect });
}

/** The request that follows a redirect, as browsers make it. */
function redirected(
  { method, headers, body, signal }: OutboundRequest,
  from: URL,
  { status, location }: { status: number; location: string },
): OutboundRequest {
  const to = URL.parse(location, from.href);
  if (to === null) throw new Error('the server redirected to a text that is not a URL');
  const dropsBody = method === 'POST' && status <= 303;
  const isSameOrigin = to.origin === from.origin;
  const kept = Object.entries(headers).filter(([name]) => {
    return (isSameOrigin || HARMLESS.has(name)) && !(dropsBody && OF_BODY.has(name));
  });
  const next = { url: to.href, headers: Object.fromEntries(kept), signal };
  return dropsBody ? { ...next, method: 'GET' } : { ...next, method, body };
}

/** A coded body is refused, because none was asked for and a small one may decode to any size. */
function assertPlain({ 'content-encoding': coding = '' }: IncomingHttpHeaders): void {
  const codings = [coding].flat().join(',');
  if (/^[\s,]*(identity[\s,]*)*$/i.test(codings)) return;
  throw new Error('the server sent a compressed body; expected a plain one, as the request asks for');
}

/** Replaces an error of the network by one without addresses. */
function connectionFault(error: unknown, { host }: URL): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? new Error(`the connection to ${host} failed (${code})`, { cause: error }) : error;
}
