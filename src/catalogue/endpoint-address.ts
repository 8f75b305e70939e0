import { BlockList, isIP } from 'node:net';

/** A kind of address at which no provider is expected. Services that trust every caller answer at some of them. */
export type RefusedKind = 'metadata' | 'link-local' | 'unspecified' | 'multicast' | 'broadcast';

/**
 * IPv6 prefixes that carry an IPv4 address in their last 32 bits: IPv4-compatible addresses, IPv4-translated addresses
 * (RFC 2765) and NAT64 (RFC 6052, RFC 8215). A gateway may translate them. A list of IPv4 subnets matches the mapped
 * form, `::ffff:a.b.c.d`, by itself.
 */
const CARRIERS = ['::', '::ffff:0:', '64:ff9b::', '64:ff9b:1::'];

const METADATA = [
  '169.254.169.254/32',
  // Alibaba Cloud.
  '100.100.100.200/32',
  // Oracle Cloud, beside its link-local address.
  '192.0.0.192/32',
  // Azure: the agent of a machine asks its host here.
  '168.63.129.16/32',
];

/**
 * Amazon, Google Cloud and Scaleway, in IPv6, and the 6to4 forms of the IPv4 addresses that are not link-local (RFC
 * 3056).
 */
const METADATA_IPV6 = [
  ...['fd00:ec2::/32', 'fd20:ce::254/128', 'fd00:42::42/128'],
  ...['2002:6464:64c8::/48', '2002:c000:c0::/48', '2002:a83f:8110::/48'],
];

/** With the 6to4 form of the IPv4 subnet (RFC 3056). */
const LINK_LOCAL_IPV6 = ['fe80::/10', '2002:a9fe::/32'];

const REFUSED: [RefusedKind, BlockList][] = [
  ['metadata', listOf([...METADATA, ...METADATA.flatMap(carried), ...METADATA_IPV6])],
  ['link-local', listOf(['169.254.0.0/16', ...carried('169.254.0.0/16'), ...LINK_LOCAL_IPV6])],
  ['unspecified', listOf(['0.0.0.0/8', '::/128'])],
  ['multicast', listOf(['224.0.0.0/4', 'ff00::/8'])],
  ['broadcast', listOf(['255.255.255.255/32'])],
];

/** Names of metadata services, which resolve only on the machines of their clouds. */
const METADATA_NAMES = new Set(['metadata.google.internal', 'metadata.goog', 'instance-data.ec2.internal']);

const LOOPBACK = listOf(['127.0.0.0/8', '::1/128']);

/** Returns the IPv6 subnets that carry an IPv4 subnet. */
function carried(subnet: string): string[] {
  const [address = '', prefix] = subnet.split('/');
  return CARRIERS.map((carrier) => `${carrier}${address}/${96 + Number(prefix)}`);
}

function listOf(subnets: string[]): BlockList {
  const list = new BlockList();
  for (const subnet of subnets) {
    const [address = '', prefix] = subnet.split('/');
    list.addSubnet(address, Number(prefix), familyOf(address));
  }
  return list;
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIP(address) === 4 ? 'ipv4' : 'ipv6';
}

/** Removes the brackets of IPv6 and the dot of the root from the host of a URL. */
function plainHost(hostname: string): string {
  return hostname.replace(/^\[(.*)\]$/, '$1').replace(/\.$/, '');
}

/**
 * Returns the kind of a host at which Errand connects to no provider unless the provider allows it, else `null`. Takes
 * an IP address or the `hostname` of a URL. Check also each address that a name resolves to.
 */
export function refusedKindOf(hostname: string): RefusedKind | null {
  const host = plainHost(hostname);
  if (METADATA_NAMES.has(host)) return 'metadata';
  if (isIP(host) === 0) return null;
  return REFUSED.find(([, subnets]) => subnets.check(host, familyOf(host)))?.[0] ?? null;
}

/**
 * Tells whether the `hostname` of a URL is this machine: `localhost`, a name below it, or an address of the loopback.
 */
export function isLoopback(hostname: string): boolean {
  const host = plainHost(hostname);
  if (isIP(host) === 0) return host === 'localhost' || host.endsWith('.localhost');
  return LOOPBACK.check(host, familyOf(host));
}
