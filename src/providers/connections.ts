import { type LookupAddress, lookup as resolve } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { Agent, buildConnector, type Dispatcher } from 'undici';
import { type RefusedKind, refusedKindOf } from '../catalogue/endpoint-address.ts';
import type { Provider } from '../catalogue/provider.ts';

const CODE = 'ERR_ADDRESS_REFUSED';

/** Tells whether an error reports a refused host or refused addresses. Its message names them. */
export function isRefusedAddress(error: Error): boolean {
  return 'code' in error && error.code === CODE;
}

function refusal(what: string, kind: RefusedKind): Error {
  return Object.assign(new Error(`${what}, a ${kind} address, which Errand does not connect to`), { code: CODE });
}

/**
 * Makes an agent without timeouts except 10 s to connect, because a call has limits of its own. It uses no HTTP/2: a
 * call is given up by closing its socket, and other calls must not share that socket.
 */
function agent(connect: buildConnector.connector): Dispatcher {
  return new Agent({ headersTimeout: 0, bodyTimeout: 0, allowH2: false, connect });
}

/**
 * Wraps a lookup so that it returns no refused address. The socket connects to the returned addresses without a second
 * lookup, so a name that changes its addresses between two lookups cannot avoid the check.
 */
function guarded(lookup: LookupFunction): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, found) => {
      const all = typeof found === 'string' ? [] : found;
      const allowed = error ? [] : all.filter(({ address }) => refusedKindOf(address) === null);
      const [first] = allowed;
      if (first && options.all) callback(null, allowed);
      else if (first) callback(null, first.address, first.family);
      else callback(error ?? refusalOfName(hostname, all), []);
    });
  };
}

function refusalOfName(hostname: string, found: LookupAddress[]): Error {
  const [address = 'no address'] = found.map((each) => each.address);
  const kind = refusedKindOf(address);
  const what = `"${hostname}" resolves to ${address}`;
  return kind === null ? new Error(what) : refusal(what, kind);
}

/**
 * The connections to providers: kept open and shared by all calls of a process. A provider gets no connection to a refused
 * address unless its configuration allows it.
 */
export class Connections {
  readonly #guarded: Dispatcher;
  readonly #open: Dispatcher;

  /** @param lookup resolves names; by default as the operating system does. */
  constructor(lookup: LookupFunction = resolve) {
    const connect = buildConnector({ allowH2: false, lookup: guarded(lookup) });
    this.#open = agent(buildConnector({ allowH2: false, lookup }));
    this.#guarded = agent((options, callback) => {
      // Node does not call the lookup for an address, so an address is checked here.
      const kind = refusedKindOf(options.hostname);
      if (kind === null) connect(options, callback);
      else callback(refusal(options.hostname, kind), null);
    });
  }

  of({ allow_link_local: isAllowed }: Pick<Provider, 'allow_link_local'>): Dispatcher {
    return isAllowed ? this.#open : this.#guarded;
  }
}
