import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { Secret } from '../base/secret.ts';
import { type SecretReader, whyUnreadable } from '../credentials/secrets.ts';
import { ErrandError } from '../errors.ts';
import type { RedisTarget } from '../redis/target.ts';
import { readTlsFiles } from '../redis/tls.ts';
import type { Config } from './config.ts';
import { SENTINEL_PASSWORD } from './config-variables.ts';

/**
 * Returns the Redis of the configuration, ready to connect. Reads the TLS files and the password of the Sentinels.
 *
 * @throws ErrandError `CONFIG_INVALID` if no Redis is configured, a file is wrong, or a setting does not fit the
 * address.
 */
export function redisOf(config: Config, secrets: SecretReader): RedisTarget {
  const { redis: address, redis_tls: files, redis_sentinel: sentinel } = config;
  if (!address) throw noRedis(config.file);
  if (!address.isTls && Object.values(files).some((path) => path !== undefined)) {
    const remedy = 'Write rediss:// in the address to use TLS, or remove redis_tls.';
    throw new ErrandError('CONFIG_INVALID', 'redis_tls is set, but the address of Redis does not use TLS', { remedy });
  }
  const isSentinel = address.place.kind === 'sentinel';
  const password = isSentinel ? passwordIn(secrets) : null;
  const login = { ...(sentinel.user !== undefined && { user: sentinel.user }), ...(password && { password }) };
  return { address, tls: readTlsFiles(files), sentinelLogin: login };
}

function noRedis(file: string | null): ErrandError {
  const where =
    file === null ? `there is no errand.config.yaml in ${resolve('.')}` : `${resolve(file)} has no redis_url`;
  const remedy =
    'Run export REDIS_URL=redis://127.0.0.1:6379, or set redis_url in errand.config.yaml. "errand up" runs a sample with its own Redis.';
  return new ErrandError('CONFIG_INVALID', `no Redis is configured: REDIS_URL is not set, and ${where}`, { remedy });
}

function passwordIn(secrets: SecretReader): Secret | null {
  const place = secrets.find(SENTINEL_PASSWORD);
  if (place.status !== 'file') return place.status === 'variable' ? place.secret : null;
  try {
    return new Secret(readFileSync(place.path, 'utf8').trim());
  } catch (error) {
    const remedy = `Set ${place.variable} to a file that this process can read.`;
    const { message } = whyUnreadable(place, `${place.variable}: ${place.path}`, error);
    throw new ErrandError('CONFIG_INVALID', message, { remedy });
  }
}
