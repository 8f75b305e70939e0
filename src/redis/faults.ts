import { isDenial } from './refusal.ts';
import { tlsFaultOf } from './tls.ts';

/** Errors from a reachable server that refuses commands: their first words. */
const REFUSALS = /^(BUSY|LOADING|READONLY|MISCONF|OOM|MASTERDOWN|NOREPLICAS|MOVED|ASK|TRYAGAIN|CLUSTERDOWN|CROSSSLOT) /;

/** Refusals that last until the client reconnects: after a failover the name may lead to another server. */
const STALE_ADDRESS = /^(READONLY|MOVED) /;

/** Connection errors, in the words of ioredis and of the network. */
const CONNECTION_ERRORS =
  /ECONNREFUSED|ECONNRESET|ETIMEDOUT|EPIPE|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|connect E[A-Z]+|sentinels are unreachable|Connection is closed|Command timed out|max retries per request|enableOfflineQueue|connection close|Socket timeout/i;

/**
 * Errors that follow from a refusal: of a transaction with a refused command, or of a wait on a server that became a
 * replica.
 */
const CONSEQUENCES = /^(EXECABORT|UNBLOCKED) /;

/** The error of ioredis for a server that does not speak the protocol of Redis. */
const FOREIGN = /^Unknown RESP type/;

/** The error with which Redis ends a running script if its keys leave the node or its cluster goes down. */
const CUT_SCRIPT = /Script attempted to (access a non local key|execute a (write )?command while the cluster is down)/;

/** Errors from a server that refuses the login or the connection. */
const LOGIN_REFUSALS = /^(NOAUTH|WRONGPASS|ERR max number of clients) /;

/**
 * Returns why a reachable server refused a command, in its own words without the name of the script; `null` if the
 * error is about the command itself. A refused command or script has changed nothing, so it may be sent again: Redis
 * refuses before the first write. See docs/internals/redis.md#scripts-are-atomic-but-nothing-is-undone.
 */
export function refusalOf(error: unknown): string | null {
  return error instanceof Error && REFUSALS.test(error.message) ? withoutScript(error.message) : null;
}

/**
 * Returns the words in which Redis denied a command because its user lacks a right; `null` for any other error. A
 * denied command has changed nothing. Redis checks a script command by command, so a script that was denied in its
 * middle has run in part.
 */
export function denialOf(error: unknown): string | null {
  return error instanceof Error && isDenial(error.message) ? withoutScript(error.message) : null;
}

function withoutScript(message: string): string {
  return message.replace(/\.? script: .*$/s, '');
}

/** Whether a new connection can end a refusal: after a failover the name may lead to another server. */
export function isStaleAddress(refusal: string): boolean {
  return STALE_ADDRESS.test(refusal);
}

/** The error that made Redis discard a transaction, or the error itself. */
export function firstFault(error: unknown): unknown {
  if (!(error instanceof Error && 'previousErrors' in error && Array.isArray(error.previousErrors))) return error;
  return error.previousErrors[0] ?? error;
}

/** Whether an error means that Redis is unavailable or refuses commands, rather than that a command was wrong. */
export function isRedisFault(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { name, message } = error;
  if (CONNECTION_ERRORS.test(`${name} ${message}`) || CONSEQUENCES.test(message) || LOGIN_REFUSALS.test(message))
    return true;
  if (CUT_SCRIPT.test(message) || FOREIGN.test(message) || isDenial(message)) return true;
  return refusalOf(error) !== null || tlsFaultOf(error) !== null;
}
