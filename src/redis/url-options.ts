const LEFT_OUT = 'Remove it: Errand chooses the timeouts and retries of its connections.';
const LOGIN = 'Write user and password before the host: redis://user:password@host.';
const DATABASE = 'Write the database after the host: redis://host:port/1.';
const TLS = 'Write rediss:// instead.';
const CA =
  'Name the file of the certificate authority in redis_tls.ca. The certificate of the server is always checked.';
const SENTINEL = 'Write redis+sentinel://host:port,host:port/master/database.';

/** The remedy for each option that other clients read from an address. */
const REMEDIES = new Map([
  ['keyPrefix', 'Set "prefix" (ERRAND_PREFIX) instead.'],
  ['prefix', 'Set "prefix" (ERRAND_PREFIX) instead.'],
  ['db', DATABASE],
  ['database', DATABASE],
  ['user', LOGIN],
  ['username', LOGIN],
  ['password', LOGIN],
  ['tls', TLS],
  ['ssl', TLS],
  ['ca', CA],
  ['ssl_ca_certs', CA],
  ['ssl_cert_reqs', CA],
  ['rejectUnauthorized', CA],
  ['cert', 'Name the file of the client certificate in redis_tls.cert.'],
  ['ssl_certfile', 'Name the file of the client certificate in redis_tls.cert.'],
  ['key', 'Name the file of the client key in redis_tls.key.'],
  ['ssl_keyfile', 'Name the file of the client key in redis_tls.key.'],
  ['family', 'Remove it: a name is tried over IPv6 and IPv4.'],
  ['sentinels', SENTINEL],
  ['name', SENTINEL],
  ['master_name', SENTINEL],
  ['sentinelPassword', 'Set REDIS_SENTINEL_PASSWORD or REDIS_SENTINEL_PASSWORD_FILE.'],
  ['connectTimeout', LEFT_OUT],
  ['commandTimeout', LEFT_OUT],
  ['socketTimeout', LEFT_OUT],
  ['timeout', LEFT_OUT],
  ['maxRetriesPerRequest', LEFT_OUT],
  ['enableOfflineQueue', LEFT_OUT],
  ['enableReadyCheck', LEFT_OUT],
  ['lazyConnect', LEFT_OUT],
  ['keepAlive', LEFT_OUT],
  ['protocol', LEFT_OUT],
  ['readOnly', LEFT_OUT],
]);

/**
 * Describes why the options of an address are refused, and what to do instead. Quotes only the name of an option in the
 * table: an unknown name may be a part of a password.
 */
export function optionRefusal(query: string): { found: string; remedy: string } {
  for (const pair of query.split('&')) {
    const [name = ''] = pair.split('=', 1);
    const remedy = REMEDIES.get(name);
    if (remedy !== undefined) return { found: `the option "${name}"`, remedy };
  }
  return { found: 'an option after "?"', remedy: 'Remove "?" and the text after it: the address takes no options.' };
}
