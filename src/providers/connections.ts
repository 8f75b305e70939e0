import { type LookupAddress, lookup as resolve } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { Agent, buildConnector, type Dispatcher } from 'undici';
import { type RefusedKind, refusedKindOf } from '../catalogue/endpoint-address.ts';
import type { Provider } from '../catalogue/provider.ts';

const CODE = 'ERR_ADDRESS_REFUSED';

/** Tells whether something thrown says that a host or its addresses are refused; its message names them. */
export function isRefusedAddress(error: Error): boolean {
  return 'code' in error && error.code === CODE;
}

function refusal(what: string, kind: RefusedKind): Error {
  return Object.assign(new Error(`${what}, a ${kind} address, which Errand does not connect to`), { code: CODE });
}

/**
 * No timeouts of its own but 10 s to connect, because a call has ours, and no HTTP/2, because closing the socket of one call is
 * the proof that it was given up, and must not be felt by others.
 */
function agent(connect: buildConnector.connector): Dispatcher {
  return new Agent({ headersTimeout: 0, bodyTimeout: 0, allowH2: false, connect });
}

/**
 * Wraps a lookup so that it returns no refused address. The socket connects to the returned addresses and asks nobody again, so
 * a name whose addresses change between two questions gains nothing.
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
      // Node asks no lookup about an address, so an address is checked here.
      const kind = refusedKindOf(options.hostname);
      if (kind === null) connect(options, callback);
      else callback(refusal(options.hostname, kind), null);
    });
  }

  of({ allow_link_local: isAllowed }: Pick<Provider, 'allow_link_local'>): Dispatcher {
    return isAllowed ? this.#open : this.#guarded;
  }
}
