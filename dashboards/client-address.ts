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

/** Where a request comes from. `address`: an IPv4 address, or the /64 network of an IPv6 address. */
export type ClientAddress = {
  address: string;
  /** Whether it comes from this host, and from no proxy that named a client. */
  isLocal: boolean;
};

/**
 * Finds the address of the client. Each trusted proxy appends the address that it was called from to `X-Forwarded-For`, so
 * with `trustedProxies` of them the client is that far from the right end; what stands left of it was sent by the client. The
 * header is ignored if no proxy is trusted, has fewer addresses than proxies, or has something else in that place.
 */
export function clientAddress(c: Context, trustedProxies: number): ClientAddress {
  const forwarded = trustedProxies > 0 ? (c.req.header('x-forwarded-for')?.split(',') ?? []) : [];
  const told = withoutPort(forwarded.at(-trustedProxies)?.trim() ?? '');
  if (isIP(told) !== 0) return { address: networkOf(told), isLocal: false };
  const address = networkOf(getConnInfo(c).remote.address ?? '');
  return { address, isLocal: isLoopback(address) || address === networkOf('::1') };
}

/** Some proxies append the port: `192.0.2.1:5000`, `[2001:db8::1]:5000`. */
function withoutPort(text: string): string {
  return /^\[([^\]]+)\](?::\d+)?$/.exec(text)?.[1] ?? /^([\d.]+):\d+$/.exec(text)?.[1] ?? text;
}

/** One line of a customer has a whole /64 of IPv6 addresses, so they count as one. */
function networkOf(address: string): string {
  const family = isIP(address);
  if (family !== 6) return family === 4 ? address : 'unknown';
  const bits = convertIPv6ToBinary(address.replace(/%.*/, ''));
  if (isIPv4MappedIPv6(bits)) return convertIPv4BinaryToString(convertIPv4MappedIPv6ToIPv4(bits));
  return `${convertIPv6BinaryToString((bits >> 64n) << 64n)}/64`;
}
