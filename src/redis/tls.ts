import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { isShownAsPath } from '../base/path-text.ts';
import { Secret } from '../base/secret.ts';
import { systemFaultText } from '../contract/system-fault.ts';
import { ErrandError } from '../errors.ts';

/** The files of `redis_tls`, by their paths. */
export type TlsFiles = { ca?: string | undefined; cert?: string | undefined; key?: string | undefined };

/**
 * The checked text of these files, and their full paths. Without `ca`, the certificate authorities of Node are trusted.
 */
export type TlsMaterial = { ca?: string; cert?: string; key?: Secret; files?: TlsFiles };

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;

/**
 * Reads and checks the files of `redis_tls`.
 *
 * @throws ErrandError `CONFIG_INVALID` if a file cannot be read, is not PEM, or certificate and key do not match.
 */
export function readTlsFiles({ ca, cert, key }: TlsFiles): TlsMaterial {
  const authorities = ca === undefined ? undefined : readText('ca', ca);
  if (ca !== undefined) certificatesIn('ca', ca, authorities ?? '');
  const authority = ca === undefined ? { files: {} } : { ca: authorities ?? '', files: { ca: resolve(ca) } };
  if (cert === undefined && key === undefined) return authority;
  if (cert === undefined || key === undefined) {
    const [there, missing] = cert === undefined ? ['key', 'cert'] : ['cert', 'key'];
    throw invalid(`redis_tls.${there} is set and redis_tls.${missing} is not`, `Set redis_tls.${missing} too.`);
  }
  const chain = readText('cert', cert);
  const [own] = certificatesIn('cert', cert, chain);
  const secret = new Secret(readText('key', key));
  if (own?.checkPrivateKey(privateKeyIn(key, secret)) !== true) {
    const remedy = 'Set redis_tls.key to the key of that certificate. The certificate comes first in its file.';
    throw invalid(`the key in ${key} does not match the certificate in ${cert}`, remedy);
  }
  const files = { ...authority.files, cert: resolve(cert), key: resolve(key) };
  return { ...authority, cert: chain, key: secret, files };
}

/** Reads a file. A message has the path, so the text of a key or a certificate must not be accepted as a path. */
function readText(name: keyof TlsFiles, path: string): string {
  if (/-----|[\p{Cc}\p{Zl}\p{Zp}]/u.test(path)) {
    const remedy = `Write the text into a file that only this user can read, and set redis_tls.${name} to its path.`;
    throw invalid(`redis_tls.${name}: expected the path of a file, got the text of one`, remedy);
  }
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const remedy = `Set redis_tls.${name} to a file that this process can read.`;
    if (!isShownAsPath(path)) throw invalid(`redis_tls.${name} is not a path of a readable file`, remedy);
    throw invalid(`redis_tls.${name}: ${path} cannot be read: ${systemFaultText(error)}`, remedy);
  }
}

function certificatesIn(name: 'ca' | 'cert', path: string, text: string): X509Certificate[] {
  const remedy = `Set redis_tls.${name} to a PEM file with "-----BEGIN CERTIFICATE-----".`;
  const blocks = text.match(CERTIFICATE) ?? [];
  if (blocks.length === 0) throw invalid(`redis_tls.${name}: ${path} has no certificate in PEM form`, remedy);
  try {
    return blocks.map((block) => new X509Certificate(block));
  } catch {
    throw invalid(`redis_tls.${name}: ${path} has a certificate that cannot be read`, remedy);
  }
}

/** The message of OpenSSL is left out, because it may have text of the file. */
function privateKeyIn(path: string, secret: Secret): KeyObject {
  const text = secret.reveal();
  if (/ENCRYPTED/.test(text)) {
    const remedy = 'Write the key without a passphrase into a file that only this user can read.';
    throw invalid(`redis_tls.key: the key in ${path} is encrypted`, remedy);
  }
  try {
    return createPrivateKey(text);
  } catch {
    const remedy = 'Set redis_tls.key to a PEM file with "-----BEGIN PRIVATE KEY-----".';
    throw invalid(`redis_tls.key: ${path} has no private key in PEM form`, remedy);
  }
}

function invalid(message: string, remedy: string): ErrandError {
  return new ErrandError('CONFIG_INVALID', message, { remedy, problems: [] });
}

/** Why TLS failed, and what to do. */
type TlsFault = { message: string; remedy: string };

const UNTRUSTED =
  /^(SELF_SIGNED_CERT_IN_CHAIN|DEPTH_ZERO_SELF_SIGNED_CERT|UNABLE_TO_VERIFY_LEAF_SIGNATURE|UNABLE_TO_GET_ISSUER_CERT(_LOCALLY)?|CERT_UNTRUSTED|CERT_SIGNATURE_FAILURE|INVALID_CA)$/;
const OUT_OF_TIME = /^CERT_(HAS_EXPIRED|NOT_YET_VALID)$/;
const CLIENT_UNKNOWN =
  /^ERR_SSL_\w*ALERT_(CERTIFICATE_REQUIRED|UNKNOWN_CA|BAD_CERTIFICATE|CERTIFICATE_(EXPIRED|REVOKED|UNKNOWN)|UNSUPPORTED_CERTIFICATE|HANDSHAKE_FAILURE|ACCESS_DENIED)$/;
const NO_TLS = /^ERR_SSL_(WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST|BAD_RECORD_TYPE)$/;

/** Explains an error of a TLS connection; `null` for any other error. */
export function tlsFaultOf(error: unknown): TlsFault | null {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return null;
  const { code } = error;
  if (UNTRUSTED.test(code)) {
    const remedy = 'Set redis_tls.ca (REDIS_TLS_CA) to the file of the certificate authority that signed it.';
    return { message: `the certificate of the server is not trusted (${code})`, remedy };
  }
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    const remedy = 'Use a name in REDIS_URL that the certificate has, or issue one with the name in REDIS_URL.';
    return { message: 'the certificate of the server is for another host name', remedy };
  }
  if (OUT_OF_TIME.test(code)) {
    const remedy = 'Renew the certificate of the server, or correct the clock of this machine.';
    return { message: `the certificate of the server is not valid now (${code})`, remedy };
  }
  if (CLIENT_UNKNOWN.test(code)) {
    const remedy =
      'Set redis_tls.cert and redis_tls.key (REDIS_TLS_CERT, REDIS_TLS_KEY) to a client certificate that the server trusts.';
    return { message: `the server demands a client certificate that it trusts (${code})`, remedy };
  }
  if (NO_TLS.test(code)) {
    return {
      message: `the server does not speak TLS at this port (${code})`,
      remedy: 'Use its TLS port, or redis://.',
    };
  }
  if (!code.startsWith('ERR_SSL_') && !code.startsWith('ERR_TLS_')) return null;
  return { message: `TLS failed (${code})`, remedy: 'Check that the server and this process share a TLS version.' };
}
