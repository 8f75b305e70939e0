import { isIP } from 'node:net';

/**
 * Which URLs may be called: a scheme, a host or all hosts below it, a port, and a path or the beginning of a path.
 * Any query is allowed.
 */
export type UrlPattern = { scheme: string; host: string; isBelow: boolean; port: string; path: string | null };

/** A pattern, or what was expected instead. */
export type UrlPatternReading = { status: 'read'; pattern: UrlPattern } | { status: 'refused'; problem: string };

const FORM = /^(https?):\/\/(\*\.)?([^/:*?#@\s[\]]+|\[[\da-fA-F:.]+\])(?::(\d{1,5}))?(\/[^?#\s]*)?$/;
const EXAMPLE = 'expected an address such as https://api.example.com/v1/*, https://*.example.com or http://wiki:8080/*';

/**
 * Reads a pattern such as `https://api.example.com/v1/*`. `*.` before a host means all names below it, `*` at the end
 * of a path all paths that begin so. Without a path, every path is allowed.
 */
export function readUrlPattern(text: string): UrlPatternReading {
  const [, scheme = '', below = '', name = '', port = '', path] = FORM.exec(text) ?? [];
  const url = scheme === '' ? null : URL.parse(`${scheme}://${name}:${port}${path?.replace(/\*$/, '') ?? ''}`);
  if (url === null) return refused(EXAMPLE);
  // A host in another spelling, such as a decimal number, would allow something that the operator does not see.
  const isAscii = /^[\x21-\x7e]+$/.test(name);
  if (isAscii && url.hostname !== name) return refused(`expected the host as ${url.hostname}, got ${name}`);
  if (name.endsWith('.')) return refused('expected a host without a dot at its end');
  if (below !== '' && isIP(url.hostname.replace(/^\[(.*)\]$/, '$1')) !== 0) {
    return refused('expected a name after "*.", got an IP address');
  }
  if (path?.slice(0, -1).includes('*') || (path?.endsWith('*') && !path.endsWith('/*'))) {
    return refused('expected "*" only as the last part of a path, as in /v1/*');
  }
  if (path !== undefined && url.pathname !== path.replace(/\*$/, '')) {
    return refused(`expected the path as ${url.pathname}, got ${path}`);
  }
  return {
    status: 'read',
    pattern: { scheme, host: url.hostname, isBelow: below !== '', port: portOf(url), path: path ?? null },
  };
}

/** Tells whether a pattern allows a URL. */
export function allowsUrl({ scheme, host, isBelow, port, path }: UrlPattern, url: URL): boolean {
  if (url.protocol !== `${scheme}:` || portOf(url) !== port) return false;
  if (isBelow ? !url.hostname.endsWith(`.${host}`) : url.hostname !== host) return false;
  if (path === null || path === '/*') return true;
  if (!isPlainPath(url.pathname)) return false;
  return path.endsWith('*') ? url.pathname.startsWith(path.slice(0, -1)) : url.pathname === path;
}

/**
 * Tells whether servers agree on the parts of a path. Some decode `%2f`, or read `..;` as a way up, and would leave the
 * beginning that a pattern allows.
 */
function isPlainPath(path: string): boolean {
  return !/%2f|%5c|%2e|%25|\/\.\.?;/i.test(path);
}

function portOf({ port, protocol }: URL): string {
  return port || (protocol === 'https:' ? '443' : '80');
}

function refused(problem: string): UrlPatternReading {
  return { status: 'refused', problem };
}
