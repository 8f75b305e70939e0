import { isErrandError } from '../errors.ts';

/** A refused certificate ends the handshake before the request is sent. */
const HANDSHAKE = /CERT|^ERR_TLS|^ERR_SSL|^UNABLE_TO|^EPROTO$/;

/**
 * Tells whether a failed model call costs nothing: the provider refused it with a status, no connection was made, or the
 * request was never sent. Any other call may be billed.
 */
export function costsNothing(error: unknown): boolean {
  if (!isErrandError(error)) return false;
  if (error.httpStatus !== undefined && error.httpStatus >= 300) return true;
  // A wire throws the first before it sends, if the task has too few tokens left for a request.
  if (error.code === 'BUDGET_TOKENS' || error.code === 'PROVIDER_ADDRESS_REFUSED') return true;
  return error.code === 'PROVIDER_UNREACHABLE' && neverConnected(error.cause);
}

/** The error of several tries to connect contains one error for each address. */
function neverConnected(cause: unknown): boolean {
  if (cause instanceof AggregateError) return cause.errors.length > 0 && cause.errors.every(neverConnected);
  if (!(cause instanceof Error)) return false;
  const { syscall, code } = cause as NodeJS.ErrnoException;
  if (syscall === 'connect' || syscall === 'getaddrinfo') return true;
  return code === 'UND_ERR_CONNECT_TIMEOUT' || (typeof code === 'string' && HANDSHAKE.test(code));
}
