import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { isShownAsPath } from '../base/path-text.ts';
import { Secret } from '../base/secret.ts';
import { ErrandError, messageOf } from '../errors.ts';
import type { RedisTarget } from '../redis/target.ts';
import { readTlsFiles } from '../redis/tls.ts';
import type { Config, Environment } from './config.ts';
import { configFileHere } from './config-file.ts';

const SENTINEL_PASSWORD = 'REDIS_SENTINEL_PASSWORD';

/**
 * Returns the Redis of the configuration, ready to connect to. Reads the TLS files and the password of the Sentinels.
 *
 * @throws ErrandError `CONFIG_INVALID` if no Redis is configured, a file is wrong, or a setting does not fit the address.
 */
export function redisOf(config: Config): RedisTarget {
  const { redis: address, redis_tls: files, redis_sentinel: sentinel, environment } = config;
  if (!address) {
    throw noRedis(environment);
  }
  if (!address.isTls && Object.values(files).some((path) => path !== undefined)) {
    const remedy = 'Write rediss:// in the address to use TLS, or remove redis_tls.';
    throw new ErrandError('CONFIG_INVALID', 'redis_tls is set and the address of Redis is without TLS', { remedy });
  }
  const isSentinel = address.place.kind === 'sentinel';
  const password = isSentinel ? passwordIn(environment) : null;
  const login = { ...(sentinel.user !== undefined && { user: sentinel.user }), ...(password && { password }) };
  return { address, tls: readTlsFiles(files), sentinelLogin: login };
}

function noRedis({ ERRAND_CONFIG: named }: Environment): ErrandError {
  const file = named || configFileHere();
  const where =
    file === null ? `there is no errand.config.yaml in ${resolve('.')}` : `${resolve(file)} has no redis_url`;
  const remedy =
    'Name your Redis: export REDIS_URL=redis://127.0.0.1:6379, or redis_url in errand.config.yaml. "errand up" runs a sample with a Redis of its own.';
  return new ErrandError('CONFIG_INVALID', `no Redis is configured: REDIS_URL is not set, and ${where}`, { remedy });
}

/** The password of the Sentinels, from the variable or from the file that `…_FILE` names; `null` without either. */
function passwordIn(environment: Environment): Secret | null {
  const value = environment[SENTINEL_PASSWORD];
  if (value) return new Secret(value);
  const path = environment[`${SENTINEL_PASSWORD}_FILE`];
  if (!path) return null;
  try {
    return new Secret(readFileSync(path, 'utf8').trim());
  } catch (error) {
    const remedy = `Set ${SENTINEL_PASSWORD}_FILE to a file that this process can read.`;
    const message = isShownAsPath(path)
      ? `${SENTINEL_PASSWORD}_FILE: ${path} cannot be read: ${messageOf(error)}`
      : `${SENTINEL_PASSWORD}_FILE is not a path of a readable file`;
    throw new ErrandError('CONFIG_INVALID', message, { remedy });
  }
}
