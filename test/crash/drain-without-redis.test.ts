import { expect, test } from 'vitest';
import { start } from '../app/run-cli.ts';
import { aDeployment } from '../helpers/deployment.ts';
import { startRedisServer } from '../helpers/redis-server.ts';

test.each(['killed', 'frozen'])(
  'a worker that is told to go while Redis is %s says that it hands nothing back, and goes',
  async (how) => {
    const redis = await startRedisServer();
    const { environment, settings, prefix, workspaceRoot } = await aDeployment({ settings: { redis_url: redis.url } });
    const leaving = start(['worker'], workspaceRoot, {
      ...Object.fromEntries(Object.entries(environment).map(([name, value]) => [name, String(value)])),
      REDIS_URL: redis.url,
      ERRAND_PREFIX: prefix,
      ERRAND_PROVIDERS: JSON.stringify(settings.providers),
      ERRAND_HEALTH_HOST: '127.0.0.1',
      ERRAND_HEALTH_PORT: '0',
      ERRAND_DRAIN_GRACE_MS: '0',
    });
    await leaving.says(/worker started/);
    if (how === 'killed') await redis.kill();
    else redis.signal('SIGSTOP');
    await leaving.says(/"redis":"away"/);
    leaving.process.kill('SIGTERM');
    const { code, out } = await leaving.ended;
    expect(code).toBe(3);
    expect(out).toMatch(/"code":"REDIS_UNAVAILABLE".*nothing was handed back: Redis is away/);
    if (how === 'killed') await redis.start();
    else redis.signal('SIGCONT');
  },
);
