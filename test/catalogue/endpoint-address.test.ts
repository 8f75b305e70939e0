import { expect, test } from 'vitest';
import { isLoopback, refusedKindOf } from '../../src/catalogue/endpoint-address.ts';
import { Provider } from '../../src/catalogue/provider.ts';

/** The forms in which a URL can write one IPv4 address. */
function formsOf(address: string): string[] {
  const [a = 0, b = 0, c = 0, d = 0] = address.split('.').map(Number);
  const whole = ((a * 256 + b) * 256 + c) * 256 + d;
  const hex = (high: number, low: number) => (high * 256 + low).toString(16);
  return [
    address,
    `${address}.`,
    String(whole),
    `0x${whole.toString(16)}`,
    `0X${whole.toString(16).toUpperCase()}`,
    `0${whole.toString(8)}`,
    [a, b, c, d].map((part) => `0x${part.toString(16)}`).join('.'),
    [a, b, c, d].map((part) => `0${part.toString(8)}`).join('.'),
    `${a}.${b}.${c * 256 + d}`,
    `${a}.${(b * 256 + c) * 256 + d}`,
    address.replaceAll('.', '%2e'),
    address.replaceAll('.', '\u3002'),
    address.replaceAll(/\d/g, (digit) => String.fromCharCode(0xff10 + Number(digit))),
    `[::ffff:${address}]`,
    `[::FFFF:${hex(a, b)}:${hex(c, d)}]`,
    `[0:0:0:0:0:ffff:${address}]`,
  ];
}

/** The IPv6 forms that a gateway may translate. */
function carriersOf(address: string): string[] {
  return [`[::${address}]`, `[::ffff:0:${address}]`, `[64:ff9b::${address}]`, `[64:ff9b:1::${address}]`];
}

const LINK_LOCAL = ['169.254.0.0', '169.254.1.1', '169.254.170.2', '169.254.255.255'];
const METADATA = ['169.254.169.254', '100.100.100.200', '192.0.0.192', '168.63.129.16'];

const REFUSED = [
  ...[...LINK_LOCAL, ...METADATA, '0.0.0.0', '0.1.2.3', '224.0.0.1', '239.255.255.255', '255.255.255.255'].flatMap(
    formsOf,
  ),
  ...[...LINK_LOCAL, ...METADATA].flatMap(carriersOf),
  ...['[fe80::1]', '[febf:ffff::1]', '[FE80:0:0:0:0:0:0:1]', '[::]', '[0:0:0:0:0:0:0:0]', '[ff02::1]', '[ffff::]'],
  ...['[fd00:ec2::254]', '[fd00:ec2::23]', '[fd20:ce::254]', '[fd00:42::42]', '[2002:a9fe:a9fe::1]'],
  ...['[2002:6464:64c8::1]', '[2002:c000:c0::1]', '[2002:a83f:8110::1]'],
  ...['metadata.google.internal', 'METADATA.google.internal.', 'metadata.goog', 'instance-data.ec2.internal'],
];

const TAKEN = [
  ...['127.0.0.1', '10.0.0.1', '172.16.0.1', '192.168.1.1', '100.64.0.1', '8.8.8.8', '169.253.255.255'].flatMap(
    formsOf,
  ),
  ...['169.255.0.0', '100.100.100.201', '223.255.255.255', '240.0.0.1', '1.0.0.0', '168.63.129.17'].flatMap(formsOf),
  ...['[::1]', '[fc00::1]', '[fd00::1]', '[fec0::1]', '[fe7f::1]', '[2001:db8::1]', '[64:ff9b::8.8.8.8]'],
  ...['localhost', 'vllm.svc', 'models.example', 'metadata.example', '169.254.169.254.example', 'fe80.example'],
];

function problemAt(host: string, more: object = {}): string | undefined {
  const given = { name: 'acme', wire: 'chat', credential: 'none', base_url: `http://${host}:8000/v1`, ...more };
  const parsed = Provider.safeParse(given);
  return parsed.error?.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ');
}

test.each(REFUSED)('a provider at %s is refused, unless it is allowed', (host) => {
  expect(problemAt(host)).toMatch(
    /^base_url: expected .*, got the (metadata|link-local|unspecified|multicast|broadcast) address .*; .* allow_link_local: true$/,
  );
  expect(problemAt(host, { allow_link_local: true })).toBeUndefined();
});

test.each(TAKEN)('a provider at %s is taken', (host) => {
  expect(problemAt(host)).toBeUndefined();
});

test.each([
  ['169.254.169.254', 'metadata'],
  ['fe80::1', 'link-local'],
  ['fe80::1%eth0', 'link-local'],
  ['::ffff:169.254.1.1', 'link-local'],
  ['::', 'unspecified'],
  ['::1', null],
  ['192.168.1.1', null],
])('an address as the system returns it, %s, has the kind %s', (address, kind) => {
  expect(refusedKindOf(address)).toBe(kind);
});

test.each([
  [['127.0.0.1', '127.255.0.1', 'localhost', 'localhost.', 'sim.localhost', '[::1]', '[::ffff:127.0.0.1]'], true],
  [['10.0.0.1', 'localhost.example', '[::2]', '[::ffff:10.0.0.1]', 'host.docker.internal', '128.0.0.1'], false],
])('of %j it is %s that they are this machine', (hosts, expected) => {
  expect(hosts.map((host) => isLoopback(new URL(`http://${host}`).hostname))).toEqual(hosts.map(() => expected));
});

test.each(['nonsense', 'ftp://models.example', 'http://', 'http://999.1.1.1/v1', ''])(
  'a text that is no address is a problem that says what is expected: %s',
  (base_url) => {
    const given = { name: 'acme', wire: 'chat', credential: 'none', base_url };
    const issues = Provider.safeParse(given).error?.issues.map(({ message }) => message);
    expect(issues).toEqual(['expected an http or https address, such as https://models.example/v1']);
  },
);
