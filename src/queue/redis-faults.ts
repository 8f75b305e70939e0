/** What a server answers that is there and will not serve: the first word of its error. */
const REFUSALS = /^(BUSY|LOADING|READONLY|MISCONF|OOM|MASTERDOWN|NOREPLICAS) /;

/** What ioredis and the network say where there is no server to answer. */
const AWAY =
  /ECONNREFUSED|ECONNRESET|ETIMEDOUT|EPIPE|ENOTFOUND|EHOSTUNREACH|Connection is closed|Command timed out|max retries per request|enableOfflineQueue|connection close|Socket timeout/i;

/** What follows from a refusal: a transaction that holds a refused command, a wait on a server that became a replica. */
const CONSEQUENCES = /^(EXECABORT|UNBLOCKED) /;

/** What a server says that wants to know first who asks. */
const UNKNOWN_TO_IT = /^(NOAUTH|WRONGPASS|NOPERM) /;

/**
 * Why a server that answers refused a command, in its own words without the script they came from; `null` where the
 * error is about the command itself. A refused command has changed nothing, a script neither: Redis asks before the
 * first write, so it may be sent again.
 */
export function refusalOf(error: unknown): string | null {
  if (!(error instanceof Error) || !REFUSALS.test(error.message)) return null;
  return error.message.replace(/\.? script: .*$/s, '');
}

/** Tells whether an error means that Redis is away or refuses to serve, rather than that a command was wrong. */
export function isRedisFault(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { name, message } = error;
  if (AWAY.test(`${name} ${message}`) || CONSEQUENCES.test(message) || UNKNOWN_TO_IT.test(message)) return true;
  return refusalOf(error) !== null;
}
