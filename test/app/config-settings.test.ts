import { join } from 'node:path';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { loadConfig } from '../../src/app/config.ts';
import { readSettings } from '../../src/app/config-layers.ts';
import { SETTINGS } from '../../src/app/config-settings.ts';
import { settingRows, tableShape } from '../../src/contract/setting.ts';
import { aFolder } from './run-cli.ts';

/** Variables that deployments use, a text for it, and the setting that the text makes. */
const VARIABLES: [string, string, object][] = [
  ['REDIS_URL', 'redis://h:1/2', { redis: { place: { kind: 'server', host: 'h', port: 1 }, database: 2 } }],
  ['REDIS_TLS_CA', '/ca.pem', { redis_tls: { ca: '/ca.pem' } }],
  ['REDIS_TLS_CERT', '/cert.pem', { redis_tls: { cert: '/cert.pem' } }],
  ['REDIS_TLS_KEY', '/key.pem', { redis_tls: { key: '/key.pem' } }],
  ['REDIS_SENTINEL_USER', 'u', { redis_sentinel: { user: 'u' } }],
  ['ERRAND_PREFIX', '{p}', { prefix: '{p}' }],
  ['ERRAND_PROVIDERS', '{"openai":{"wire":"chat","base_url":"http://h","credential":"none"}}', {}],
  ['ERRAND_WORKER_NAME', '007', { worker: { name: '007' } }],
  ['ERRAND_WORKER_SEAT', 's', { worker: { seat: 's' } }],
  ['ERRAND_CONCURRENCY', '7', { worker: { concurrency: 7 } }],
  ['ERRAND_LOCK_DURATION_MS', '700', { worker: { lock_duration_ms: 700 } }],
  ['ERRAND_DRAIN_GRACE_MS', '0', { worker: { drain_grace_ms: 0 } }],
  ['ERRAND_HEALTH_HOST', '::1', { worker: { health_host: '::1' } }],
  ['ERRAND_HEALTH_PORT', '7', { worker: { health_port: 7 } }],
  ['ERRAND_WORKSPACE_ROOT', '/w', { worker: { workspace_root: '/w' } }],
  ['ERRAND_LOG_LEVEL', 'warn', { worker: { log_level: 'warn' } }],
  ['ERRAND_BOARD_HOST', '::1', { board: { host: '::1' } }],
  ['ERRAND_BOARD_PORT', '7', { board: { port: 7 } }],
  ['ERRAND_BOARD_OPERATOR', '007', { board: { operator: '007' } }],
  ['ERRAND_BOARD_TRUSTED_PROXIES', '2', { board: { trusted_proxies: 2 } }],
];

test.each(VARIABLES)('%s=%s makes its setting', (variable, text, setting) => {
  expect(loadConfig({ ERRAND_CONFIG: '/dev/null', [variable]: text })).toMatchObject(setting);
});

test('no variable is lost: the table has all of these', () => {
  const known = settingRows(SETTINGS).flatMap(({ variable }) => variable ?? []);
  expect(known).toEqual(expect.arrayContaining(VARIABLES.map(([variable]) => variable)));
});

const TABLE = {
  worker: {
    lock_ms: {
      type: z.number().default(1),
      meaning: 'a setting that had another name',
      variable: 'ERRAND_LOCK_MS',
      renamedFrom: { key: 'worker.lock_duration', variable: 'ERRAND_LOCK' },
    },
  },
};

test.each<[string, Record<string, string>, string]>([
  [
    'a key of an earlier version',
    { yaml: 'worker: { lock_duration: 5 }' },
    'worker.lock_duration: renamed to worker.lock_ms',
  ],
  ['a variable of an earlier version', { ERRAND_LOCK: '5' }, 'ERRAND_LOCK: renamed to ERRAND_LOCK_MS'],
])('%s is refused and names the new one', (_, { yaml = '', ...variables }, message) => {
  const file = join(aFolder({ 'errand.yaml': yaml }), 'errand.yaml');
  const read = () => readSettings({ ERRAND_CONFIG: file, ...variables }, {}, TABLE);
  expect(read).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringContaining(message) }));
});

test('the new name of a setting is taken', () => {
  const { settings } = readSettings({ ERRAND_CONFIG: '/dev/null', ERRAND_LOCK_MS: '5' }, {}, TABLE);
  expect(z.strictObject(tableShape(TABLE)).parse(settings)).toEqual({ worker: { lock_ms: 5 } });
});
