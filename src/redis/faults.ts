import { isDenial } from './refusal.ts';
import { tlsFaultOf } from './tls.ts';

/** What a server answers that is there and will not serve: the first word of its error. */
const REFUSALS = /^(BUSY|LOADING|READONLY|MISCONF|OOM|MASTERDOWN|NOREPLICAS|MOVED|ASK|TRYAGAIN|CLUSTERDOWN|CROSSSLOT) /;

/** Refusals that last until we connect again: after a failover the name may lead to another server. */
const STALE_ADDRESS = /^(READONLY|MOVED) /;

/** What ioredis and the network say where there is no server to answer. */
const AWAY =
  /ECONNREFUSED|ECONNRESET|ETIMEDOUT|EPIPE|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|connect E[A-Z]+|sentinels are unreachable|Connection is closed|Command timed out|max retries per request|enableOfflineQueue|connection close|Socket timeout/i;

/** What follows from a refusal: a transaction that holds a refused command, a wait on a server that became a replica. */
const CONSEQUENCES = /^(EXECABORT|UNBLOCKED) /;

/** What ioredis says of a server that does not speak the protocol of Redis. */
const FOREIGN = /^Unknown RESP type/;

/** The error with which Redis ends a running script if its keys leave the node or its cluster goes down. */
const CUT_SCRIPT = /Script attempted to (access a non local key|execute a (write )?command while the cluster is down)/;

/** What a server answers that does not let the client in. */
const UNKNOWN_TO_IT = /^(NOAUTH|WRONGPASS|ERR max number of clients) /;

/**
 * Why a server that answers refused a command, in its own words without the script they came from; `null` where the
 * error is about the command itself. A refused command has changed nothing, a script neither: Redis asks before the
 * first write, so it may be sent again.
 */
export function refusalOf(error: unknown): string | null {
  return error instanceof Error && REFUSALS.test(error.message) ? withoutScript(error.message) : null;
}

/**
 * The words in which Redis denied a command because its user lacks a right; `null` for any other error. A denied command has
 * changed nothing. A script is checked command by command: one that was denied in its middle has changed something.
 */
export function denialOf(error: unknown): string | null {
  return error instanceof Error && isDenial(error.message) ? withoutScript(error.message) : null;
}

function withoutScript(message: string): string {
  return message.replace(/\.? script: .*$/s, '');
}

/** Tells whether a new connection can end a refusal: after a failover a name may lead to another server. */
export function isStaleAddress(refusal: string): boolean {
  return STALE_ADDRESS.test(refusal);
}

/** The error that made Redis discard a transaction, or the error itself. */
export function firstFault(error: unknown): unknown {
  if (!(error instanceof Error && 'previousErrors' in error && Array.isArray(error.previousErrors))) return error;
  return error.previousErrors[0] ?? error;
}

/** Tells whether an error means that Redis is away or refuses to serve, rather than that a command was wrong. */
export function isRedisFault(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { name, message } = error;
  if (AWAY.test(`${name} ${message}`) || CONSEQUENCES.test(message) || UNKNOWN_TO_IT.test(message)) return true;
  if (CUT_SCRIPT.test(message) || FOREIGN.test(message) || isDenial(message)) return true;
  return refusalOf(error) !== null || tlsFaultOf(error) !== null;
}
