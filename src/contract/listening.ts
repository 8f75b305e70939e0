import { ErrandError, messageOf } from '../errors.ts';

/** A server that could not listen: its name, its address, and the settings that choose host and port. */
export type Listener = { what: string; host: string; port: number; settings: { host: string; port: string } };

/** The first port that a process may use without a privilege. */
const FIRST_FREE_PORT = 1024;

/**
 * Turns the error of a server that could not listen into an `ErrandError`. The cause is the error of the system, with
 * its `code`, `address` and `port`.
 *
 * Codes: `ADDRESS_IN_USE` if another process listens there; `CONFIG_INVALID` if the port needs a privilege, if the
 * address is not one of this host, or for any other refusal.
 */
export function cannotListen(error: unknown, listener: Listener): ErrandError {
  const { what, host, port, settings } = listener;
  const text = `${what}: cannot listen at ${host.includes(':') ? `[${host}]` : host}:${port}`;
  const errno = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (errno === 'EADDRINUSE') {
    const remedy = `Stop the process that listens there (ss -ltnp 'sport = :${port}' shows it), or set ${settings.port} to another port; 0 takes a free one.`;
    return new ErrandError('ADDRESS_IN_USE', `${text}: the port is in use (${errno})`, { cause: error, remedy });
  }
  if (errno === 'EACCES') {
    const remedy = `Set ${settings.port} to a port from ${FIRST_FREE_PORT} up.`;
    const message = `${text}: this user may not use the port (${errno})`;
    return new ErrandError('CONFIG_INVALID', message, { cause: error, remedy });
  }
  const remedy = `Set ${settings.host} to an address of this host: 127.0.0.1 for this host alone, 0.0.0.0 for all its addresses.`;
  const isForeign = ['EADDRNOTAVAIL', 'ENOTFOUND', 'EINVAL', 'EAI_AGAIN', 'EAFNOSUPPORT'].includes(errno);
  const why = isForeign ? `this host has no address "${host}" (${errno})` : messageOf(error);
  return new ErrandError('CONFIG_INVALID', `${text}: ${why}`, { cause: error, remedy });
}
