import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { isIPv6 } from 'node:net';

/** A certificate in PEM form with its key. */
export type Issued = { cert: string; key: string };

/** A private certificate authority for one test, made without any tool of the machine. */
export type Authority = Issued & { issue: (name: string, options?: { hosts?: string[]; days?: number }) => Issued };

const DAY_MS = 86_400_000;
const ECDSA_SHA256 = tlv(0x30, Buffer.from('06082a8648ce3d040302', 'hex'));
const COMMON_NAME = Buffer.from('0603550403', 'hex');
const ALTERNATIVE_NAME = Buffer.from('0603551d11', 'hex');
const BASIC_CONSTRAINTS = Buffer.from('0603551d13', 'hex');

/** Makes a certificate authority. Its certificates name `hosts`; with negative `days` they have expired. */
export function anAuthority(name: string): Authority {
  const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const isAuthority = tlv(
    0x30,
    BASIC_CONSTRAINTS,
    tlv(1, Buffer.from([0xff])),
    tlv(4, tlv(0x30, tlv(1, Buffer.from([0xff])))),
  );
  const own = certificate(
    { name, issuer: name, publicKey: keys.publicKey, extension: isAuthority, days: 2 },
    keys.privateKey,
  );
  return {
    cert: own,
    key: pem(keys.privateKey),
    issue: (subject, { hosts = [], days = 2 } = {}) => {
      const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const names = tlv(0x30, ALTERNATIVE_NAME, tlv(4, tlv(0x30, ...hosts.map(hostName))));
      const parts = { name: subject, issuer: name, publicKey, extension: hosts.length > 0 ? names : null, days };
      return { cert: certificate(parts, keys.privateKey), key: pem(privateKey) };
    },
  };
}

type Parts = { name: string; issuer: string; publicKey: KeyObject; extension: Buffer | null; days: number };

/** A certificate of X.509 version 3 (RFC 5280), in DER. */
function certificate({ name, issuer, publicKey, extension, days }: Parts, signer: KeyObject): string {
  const now = Date.now();
  const body = tlv(
    0x30,
    tlv(0xa0, tlv(2, Buffer.from([2]))),
    tlv(2, Buffer.concat([Buffer.from([1]), randomBytes(15)])),
    ECDSA_SHA256,
    distinguishedName(issuer),
    tlv(0x30, time(now - 4 * DAY_MS), time(now + days * DAY_MS)),
    distinguishedName(name),
    publicKey.export({ type: 'spki', format: 'der' }),
    ...(extension === null ? [] : [tlv(0xa3, tlv(0x30, extension))]),
  );
  const signature = tlv(3, Buffer.from([0]), sign('sha256', body, signer));
  const text = tlv(0x30, body, ECDSA_SHA256, signature).toString('base64');
  return `-----BEGIN CERTIFICATE-----\n${text.replace(/.{64}/g, '$&\n')}\n-----END CERTIFICATE-----\n`;
}

/** A value of DER: tag, length, content. */
function tlv(tag: number, ...contents: Buffer[]): Buffer {
  const content = Buffer.concat(contents);
  const { length } = content;
  const head =
    length < 128 ? [tag, length] : length < 256 ? [tag, 0x81, length] : [tag, 0x82, length >> 8, length & 255];
  return Buffer.concat([Buffer.from(head), content]);
}

function distinguishedName(name: string): Buffer {
  return tlv(0x30, tlv(0x31, tlv(0x30, COMMON_NAME, tlv(0x0c, Buffer.from(name)))));
}

function time(ms: number): Buffer {
  return tlv(0x17, Buffer.from(`${new Date(ms).toISOString().replace(/[-:T]/g, '').slice(2, 14)}Z`));
}

/** A host of the alternative name: an IP address in its bytes, or a DNS name. */
function hostName(host: string): Buffer {
  if (isIPv6(host)) return tlv(0x87, Buffer.concat([Buffer.alloc(15), Buffer.from([Number(host.replace('::', ''))])]));
  if (/^[\d.]+$/.test(host)) return tlv(0x87, Buffer.from(host.split('.').map(Number)));
  return tlv(0x82, Buffer.from(host));
}

function pem(key: KeyObject): string {
  return String(key.export({ type: 'pkcs8', format: 'pem' }));
}
