import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { processEnvironment } from '../../src/app/config.ts';
import { startEmbeddedRedis } from '../../src/app/embedded-redis/embedded-redis.ts';
import { baseKinds } from '../../src/app/resource-kinds.ts';
import { newBatchId } from '../../src/base/ids.ts';
import { Redactor } from '../../src/base/secret.ts';
import { createCatalogue } from '../../src/catalogue/catalogue.ts';
import { CredentialResolver } from '../../src/credentials/resolver.ts';
import { secretsIn } from '../../src/credentials/secrets.ts';
import { findGuard } from '../../src/processes/guard-binary.ts';
import { Models } from '../../src/providers/models.ts';
import { BatchRecords } from '../../src/records/batch-records.ts';
import { TaskRecords } from '../../src/records/task-records.ts';
import { parseRedisAddress } from '../../src/redis/address.ts';
import { closeRedis, openRetryingRedis } from '../../src/redis/connection.ts';
import { unobserved } from '../../src/telemetry/observer.ts';
import { workspaceKind } from '../../src/tools/workspace/kind.ts';
import { Releasers } from '../../src/worker/holding/releasers.ts';
import { spreadOf } from '../report.ts';
import { createBatch, gather } from './crowd.ts';
import { timeUnwind } from './unwinds.ts';

const RETENTION_SECONDS = 3_600;

const { values } = parseArgs({
  options: { others: { type: 'string', default: '10000' }, unwinds: { type: 'string', default: '100' } },
});
const others = Number(values.others);
const unwinds = Number(values.unwinds);

const dir = await mkdtemp(join(tmpdir(), 'errand-bench-'));
const path = processEnvironment().PATH ?? '';
const guard = await findGuard({ cacheDir: join(dir, 'guard'), path });
if (guard.path === null) throw new Error(guard.reason);
const server = await startEmbeddedRedis({ dir, path, isRoot: false });
const target = { address: parseRedisAddress(server.url), tls: {}, sentinelLogin: {} };
const redis = openRetryingRedis({ target, onError: () => undefined });
const redactor = new Redactor();
const batches = new BatchRecords(redis, '{bench}', redactor, RETENTION_SECONDS);
const tasks = new TaskRecords(redis, '{bench}', redactor);
const credentials = new CredentialResolver(secretsIn({}), redactor);
const workspaceRoot = join(dir, 'workspaces');
const deployment = { prefix: '{bench}', workspaceRoot };
const catalogue = createCatalogue([]);
const base = { deployment, catalogue, credentials, models: new Models() };
const observer = { begin: () => unobserved };
const releasers = new Releasers({ redactor, observer, kinds: [...baseKinds(base), workspaceKind(deployment)] });
await mkdir(workspaceRoot);
const tools = { redactor, tasks, releasers, observer, deployment, guardPath: guard.path, path };

try {
  await round('warm-up');
  const alone = await round('alone');
  const crowd = await gather(others, { dir, workspaceRoot, batches, tasks });
  const among = await round(`among ${others} other attempts, directories and processes`);
  await crowd.leave();
  const after = await round('alone again, with only records and directories of the others left');
  process.stdout.write(
    `ratio of the medians: ${(among / alone).toFixed(2)}, and ${(after / alone).toFixed(2)} after\n`,
  );
} finally {
  closeRedis(redis);
  await server.close();
  await rm(dir, { recursive: true, force: true });
}

/** Times unwinds one after the other and prints the result; resolves with the median. */
async function round(title: string): Promise<number> {
  const batchId = newBatchId();
  await createBatch(batches, batchId, unwinds);
  const took: number[] = [];
  for (let index = 0; index < unwinds; index++) took.push(await timeUnwind(batchId, index, tools));
  const { median, min, max } = spreadOf(took);
  process.stdout.write(
    `${title}: ${median.toFixed(1)} ms an unwind (${min.toFixed(1)} – ${max.toFixed(1)}, ${unwinds} of them)\n`,
  );
  return median;
}
