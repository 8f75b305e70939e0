import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';
import { refusedKindOf } from '../catalogue/endpoint-address.ts';

type Address = ReturnType<typeof ipaddr.parse>;
type Subnet = ReturnType<typeof ipaddr.parseCIDR>;

/** The addresses of the public internet in IPv6 (RFC 4291). All others are reserved. */
const GLOBAL_UNICAST = ipaddr.parseCIDR('2000::/3');
/** A gateway sends a packet to such an address on to the IPv4 address in its last 32 bits (RFC 6052). */
const NAT64 = ipaddr.parseCIDR('64:ff9b::/96');

/** Says why a text is not a subnet of addresses, else returns `null`. */
export function problemOfSubnet(text: string): string | null {
  const [address = '', bits = ''] = text.split('/');
  if (isIP(address) === 0 || !/^\d{1,3}$/.test(bits) || !ipaddr.isValidCIDR(text)) {
    return 'expected a subnet such as 10.0.0.0/8 or fd00::/8';
  }
  const family = isIP(address) === 4 ? ipaddr.IPv4 : ipaddr.IPv6;
  const first = family.networkAddressFromCIDR(text).toString();
  return first === ipaddr.parse(address).toString()
    ? null
    : `expected the first address of the subnet: ${first}/${bits}`;
}

/**
 * Returns the kind of an address that no outgoing request may reach, such as `loopback`; `null` if it may be reached.
 *
 * An address may be reached if it is public, or in one of the `allowed` subnets. Addresses of metadata services, and
 * link-local, unspecified, multicast and broadcast addresses, are never reached. An IPv6 address that carries an IPv4
 * address counts as that address if it is IPv4-mapped or of NAT64, and is not public otherwise (6to4, Teredo).
 */
export function unreachableKindOf(address: string, allowed: readonly string[]): string | null {
  // A zone, as in `fe80::1%eth0`, names an interface of this machine.
  if (isIP(address) === 0 || address.includes('%')) return 'unreadable';
  const given = ipaddr.parse(address);
  const target = carriedBy(given);
  const refused = refusedKindOf(address) ?? refusedKindOf(target.toString());
  if (refused !== null) return refused;
  const range = rangeOf(target);
  if (range === null) return null;
  // A subnet of the operator means the addresses themselves, not what a gateway makes of others.
  const isAllowed = !isIn(given, NAT64) && allowed.some((subnet) => isIn(target, ipaddr.parseCIDR(subnet)));
  return isAllowed ? null : range;
}

/** The IPv4 address that an IPv6 address stands for on the way, or the address itself. */
function carriedBy(address: Address): Address {
  if (address.kind() === 'ipv4' || !('parts' in address)) return address;
  if (address.isIPv4MappedAddress()) return address.toIPv4Address();
  return isIn(address, NAT64) ? new ipaddr.IPv4(address.toByteArray().slice(12)) : address;
}

/** The range of an address that is not public, else `null`. */
function rangeOf(address: Address): string | null {
  const range = address.range();
  if (range !== 'unicast') return range;
  return address.kind() === 'ipv4' || isIn(address, GLOBAL_UNICAST) ? null : 'reserved';
}

function isIn(address: Address, [first, bits]: Subnet): boolean {
  return address.kind() === first.kind() && address.match(first, bits);
}
