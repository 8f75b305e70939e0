import { isIP } from 'node:net';
import { getConnInfo } from '@hono/node-server/conninfo';
import type { Context } from 'hono';
import {
  convertIPv4BinaryToString,
  convertIPv4MappedIPv6ToIPv4,
  convertIPv6BinaryToString,
  convertIPv6ToBinary,
  isIPv4MappedIPv6,
} from 'hono/utils/ipaddr';
import { isLoopback } from './guards.ts';

/** The origin of a request. `address`: an IPv4 address, or the /64 network of an IPv6 address. */
export type ClientAddress = {
  address: string;
  /** Whether it comes from this host, and not through a proxy that named a client. */
  isLocal: boolean;
};

/**
 * Finds the address of the client. Each trusted proxy appends the address of its caller to `X-Forwarded-For`. So with N
 * trusted proxies the client is the Nth address from the right; the client itself sent the addresses left of it. The
 * header is ignored if no proxy is trusted, if it has fewer addresses than proxies, or if that place has no address.
 */
export function clientAddress(c: Context, trustedProxies: number): ClientAddress {
  const forwarded = trustedProxies > 0 ? (c.req.header('x-forwarded-for')?.split(',') ?? []) : [];
  const named = withoutPort(forwarded.at(-trustedProxies)?.trim() ?? '');
  if (isIP(named) !== 0) return { address: networkOf(named), isLocal: false };
  const address = networkOf(getConnInfo(c).remote.address ?? '');
  return { address, isLocal: isLoopback(address) || address === networkOf('::1') };
}

/** Some proxies append the port: `192.0.2.1:5000`, `[2001:db8::1]:5000`. */
function withoutPort(text: string): string {
  return /^\[([^\]]+)\](?::\d+)?$/.exec(text)?.[1] ?? /^([\d.]+):\d+$/.exec(text)?.[1] ?? text;
}

/** A /64 of IPv6 addresses counts as one address, because one internet connection usually has a whole /64. */
function networkOf(address: string): string {
  const family = isIP(address);
  if (family !== 6) return family === 4 ? address : 'unknown';
  const bits = convertIPv6ToBinary(address.replace(/%.*/, ''));
  if (isIPv4MappedIPv6(bits)) return convertIPv4BinaryToString(convertIPv4MappedIPv6ToIPv4(bits));
  return `${convertIPv6BinaryToString((bits >> 64n) << 64n)}/64`;
}
