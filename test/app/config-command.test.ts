import { join } from 'node:path';
import { expect, test } from 'vitest';
import { aFolder, start } from './run-cli.ts';

const PLANTED = 'planted-secret-0123456789';
const FILE = `
redis_tls: { key: "${PLANTED}" }
worker: { concurrency: 7, health_port: 1 }
watchdogs: { idle_ms: 5000 }
model_aliases: { fast: "acme:small" }
providers:
  acme: { wire: chat, base_url: "https://llm.example/v1", credential: "env:ACME_KEY", timeouts: { turn_ms: 9 } }
`;

function aPlace() {
  const folder = aFolder({ 'errand.config.yaml': FILE });
  const env = {
    REDIS_URL: `redis://me:${PLANTED}@127.0.0.1:1/2`,
    ERRAND_HEALTH_PORT: '2',
    ERRAND_BOARD_PASSWORD: PLANTED,
    ACME_KEY: PLANTED,
    OPENAI_API_KEY: PLANTED,
  };
  return { folder, env };
}

test('config --json has each value with its source, and no secret', async () => {
  const { folder, env } = aPlace();
  const { code, out, err } = await start(['config', '--json'], folder, env).ended;
  expect([code, err]).toEqual([0, '']);
  expect(out).not.toContain(PLANTED);
  const { file, settings } = JSON.parse(out);
  expect(file).toBe(join(folder, 'errand.config.yaml'));
  const found = new Map(settings.map(({ key, ...rest }: { key: string }) => [key, rest]));
  const fromFile = { kind: 'file', path: file };
  expect(Object.fromEntries(found)).toMatchObject({
    redis_url: { value: 'redis://me:[secret]@127.0.0.1:1/2', source: { kind: 'variable', name: 'REDIS_URL' } },
    'redis_tls.key': { value: '[secret]', source: fromFile },
    'worker.concurrency': { value: 7, source: fromFile },
    'worker.health_port': { value: 2, source: { kind: 'variable', name: 'ERRAND_HEALTH_PORT' } },
    'tasks.tries': { value: 3, source: { kind: 'default' } },
    'delegation.model': { value: null, source: { kind: 'default' } },
    'model_aliases.fast': { value: { provider: 'acme', model: 'small' }, source: fromFile },
    'providers.acme.credential': { value: 'env:ACME_KEY', source: fromFile },
    'providers.acme.timeouts.turn_ms': { value: 9, source: fromFile },
    'providers.acme.timeouts.idle_ms': { value: 5000, source: fromFile },
    'providers.acme.background': { value: false, source: { kind: 'default' } },
    'providers.openai.credential': { value: 'env:OPENAI_API_KEY', source: { kind: 'default' } },
    ERRAND_BOARD_PASSWORD: { value: '[secret]', source: { kind: 'variable', name: 'ERRAND_BOARD_PASSWORD' } },
    REDIS_SENTINEL_PASSWORD: { value: null, source: { kind: 'default' } },
  });
});

test('config prints a table that names sources, and no secret', async () => {
  const { folder, env } = aPlace();
  const { code, out, err } = await start(['config'], folder, env).ended;
  expect(code).toBe(0);
  expect(out + err).not.toContain(PLANTED);
  expect(out).toMatch(/^worker\.concurrency +7 +file$/m);
  expect(out).toMatch(/^worker\.health_port +2 +ERRAND_HEALTH_PORT$/m);
  expect(out).toMatch(/^acme +timeouts\.turn_ms +9 +file$/m);
  expect(out).toMatch(/^tasks\.tries +3 +default$/m);
  expect(err).toBe(`file: ${join(folder, 'errand.config.yaml')}\n`);
});

test('config refuses what a worker would refuse, with 2', async () => {
  const { code, out, err } = await start(['config'], aFolder(), { ERRAND_CONCURRENCY: 'lots' }).ended;
  expect([code, out]).toEqual([2, '']);
  expect(err).toMatch(/^CONFIG_INVALID: .*\n {2}ERRAND_CONCURRENCY \(worker\.concurrency\): expected a whole number/);
});
