import { expect, test } from 'vitest';
import { problemOfSubnet, unreachableKindOf } from '../../src/outbound/address.ts';

/** The addresses that carry an IPv4 address in every form that a resolver can return. */
function carriersOf(address: string): string[] {
  const [a = 0, b = 0, c = 0, d = 0] = address.split('.').map(Number);
  const hex = `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
  return [
    ...[`::ffff:${address}`, `::FFFF:${hex}`, `0:0:0:0:0:ffff:${hex}`, `::${address}`, `::ffff:0:${address}`],
    ...[`64:ff9b::${address}`, `64:ff9b:1::${address}`, `2002:${hex}::1`, `2001:0:${hex}::1`],
  ];
}

const PRIVATE = ['10.0.0.1', '172.16.0.1', '172.31.255.255', '192.168.1.1', '127.0.0.1', '127.255.0.1', '100.64.0.1'];
const METADATA = ['169.254.169.254', '169.254.170.2', '100.100.100.200', '168.63.129.16', '192.0.0.192'];
const RESERVED = ['0.0.0.0', '0.1.2.3', '224.0.0.1', '239.1.1.1', '240.0.0.1', '255.255.255.255', '192.0.2.1'];
const OTHERS = ['198.18.0.1', '198.51.100.1', '203.0.113.1', '192.88.99.1'];

const REFUSED = [
  ...[...PRIVATE, ...METADATA, ...RESERVED, ...OTHERS].flatMap((address) => [address, ...carriersOf(address)]),
  ...['::', '::1', 'fe80::1', 'fe80::1%eth0', 'febf::1', 'fc00::1', 'fd00:ec2::254', 'fd00::1', 'fec0::1', 'ff02::1'],
  ...['2001:db8::1', '3fff::1', '100::1', '5f00::1', '4000::1', '2001:10::1', '2001:2::1', '2606:4700::1111%1'],
  // Forms that only a parser of its own reads, and texts that are no address.
  ...['2130706433', '0x7f000001', '017700000001', '127.1', '0177.0.0.1', '8.8.8.8.', ' 8.8.8.8', '', 'localhost'],
];

test('an address that is not public may not be called, in any form', () => {
  expect(REFUSED.length).toBeGreaterThan(200);
  expect(REFUSED.filter((address) => unreachableKindOf(address, []) === null)).toEqual([]);
});

test('public addresses may be called, also behind NAT64', () => {
  const open = ['8.8.8.8', '1.1.1.1', '172.32.0.1', '100.128.0.1', '2606:4700::1111', '2a00:1450::1'];
  const carried = ['::ffff:8.8.8.8', '64:ff9b::8.8.8.8'];
  expect([...open, ...carried].map((address) => unreachableKindOf(address, []))).toEqual(Array(8).fill(null));
});

test('a subnet of the operator opens its addresses, but never metadata or link-local', () => {
  const all = ['0.0.0.0/0', '::/0'];
  const wide = (address: string) => unreachableKindOf(address, all);
  expect(['10.0.0.1', '127.0.0.1', '::ffff:10.0.0.1', 'fd00::1', '::1'].map(wide)).toEqual(Array(5).fill(null));
  const never = [...METADATA, '169.254.1.1', 'fe80::1', 'fd00:ec2::254', '0.0.0.0', '::', '224.0.0.1', 'ff02::1'];
  expect([...never, ...METADATA.flatMap(carriersOf)].filter((address) => wide(address) === null)).toEqual([
    // Teredo: only the subnet ::/0 of this test opens it.
    ...METADATA.map((address) => carriersOf(address).at(-1)),
  ]);
  expect(unreachableKindOf('64:ff9b::10.0.0.1', ['10.0.0.0/8', '::/0'])).toBe('private');
  expect(['10.1.255.255', '10.2.0.0'].map((address) => unreachableKindOf(address, ['10.1.0.0/16']))).toEqual([
    null,
    'private',
  ]);
});

test.each([
  ['10.0.0.0/8', null],
  ['fd00::/8', null],
  ['10.0.0.1/8', 'expected the first address of the subnet: 10.0.0.0/8'],
  ['10.0.0.0', 'expected a subnet'],
  ['10.0.0.0/33', 'expected a subnet'],
  ['10.0/8', 'expected a subnet'],
  ['0x0a.0.0.0/8', 'expected a subnet'],
  ['10.0.0.0/8/9', 'expected a subnet'],
  ['wiki', 'expected a subnet'],
])('%s as a subnet has the problem %j', (text, problem) => {
  if (problem === null) expect(problemOfSubnet(text)).toBeNull();
  else expect(problemOfSubnet(text)).toContain(problem);
});
