import type { Provider } from '../catalogue/provider.ts';
import { ErrandError } from '../errors.ts';

/** What failed below HTTP, and what to do about it. `check` takes the setting of the address, and the address. */
type Words = { what: string; check: (setting: string, address: URL) => string };

const onTheWay = (_setting: string, { host }: URL) =>
  `If it fails again, look for a proxy or a firewall that closes connections to ${host}.`;
const unreached = (setting: string, { host, origin }: URL) =>
  `Check ${setting} and the firewalls between the worker and ${host}; "curl -v ${origin}" on the worker's machine shows what answers.`;
const unnamed = (setting: string, { hostname }: URL) =>
  `Correct the host in ${setting}; "getent hosts ${hostname}" on the worker's machine looks it up.`;
const unlistened = (setting: string) => `Correct ${setting}, or start the server that it names.`;
const untrusted = (setting: string) =>
  `Correct ${setting}. If the certificate is of your own authority, set NODE_EXTRA_CA_CERTS=/path/ca.pem on every worker.`;

const CLOSED: Words = { what: 'the connection was closed', check: onTheWay };
const NO_ROUTE: Words = { what: 'there is no route to the host', check: unreached };
const NO_ANSWER: Words = { what: 'no connection was made in time', check: unreached };
const UNTRUSTED: Words = { what: 'its certificate is not trusted', check: untrusted };
const NO_TLS: Words = { what: 'the TLS handshake failed', check: untrusted };

const WORDS = new Map<string, Words>([
  ['ECONNREFUSED', { what: 'nothing listens there', check: unlistened }],
  ['ECONNRESET', CLOSED],
  ['EPIPE', CLOSED],
  ['UND_ERR_SOCKET', CLOSED],
  ['ENOTFOUND', { what: 'the host name has no address', check: unnamed }],
  ['EAI_AGAIN', { what: 'the name server did not answer', check: unnamed }],
  ['EHOSTUNREACH', NO_ROUTE],
  ['ENETUNREACH', NO_ROUTE],
  ['ETIMEDOUT', NO_ANSWER],
  ['UND_ERR_CONNECT_TIMEOUT', NO_ANSWER],
  ['CERT_HAS_EXPIRED', { what: 'its certificate has expired', check: untrusted }],
  ['ERR_TLS_CERT_ALTNAME_INVALID', { what: 'its certificate is for another host', check: untrusted }],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', UNTRUSTED],
  ['SELF_SIGNED_CERT_IN_CHAIN', UNTRUSTED],
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', UNTRUSTED],
  ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', UNTRUSTED],
  ['EPROTO', NO_TLS],
  ['ERR_SSL_WRONG_VERSION_NUMBER', NO_TLS],
]);

/** Makes the error for a connection that failed. `root` is the innermost error of the chain. */
export function faultOfNetwork({ name, base_url }: Provider, root: Error | undefined): ErrandError {
  const code = root && 'code' in root && typeof root.code === 'string' ? root.code : '';
  const words = WORDS.get(code);
  const address = new URL(base_url);
  return new ErrandError(
    'PROVIDER_UNREACHABLE',
    `Connection to provider "${name}" at ${address.host} failed: ${words ? `${words.what} (${code})` : textOf(root, code)}`,
    { cause: root, ...(words && { remedy: words.check(`providers.${name}.base_url`, address) }) },
  );
}

/** The text of an error without words of ours, with its code once. */
function textOf(root: Error | undefined, code: string): string {
  const message = root?.message || 'no reason given';
  return code === '' || message.includes(code) ? message : `${message} (${code})`;
}
