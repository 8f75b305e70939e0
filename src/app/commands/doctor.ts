import { access, constants } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isErrandError, messageOf } from '../../errors.ts';
import { inspect } from '../../queue/inspection.ts';
import { type Config, loadConfig } from '../config.ts';
import {
  type Finding,
  keyFinding,
  laneFinding,
  nodeFinding,
  redisFindings,
  workerFindings,
  workspaceFinding,
} from '../diagnosis.ts';
import { EXIT } from '../exit-code.ts';
import { providerKeys } from '../provider-keys.ts';
import { redisOf } from '../redis-settings.ts';
import type { Screen } from '../screen/screen.ts';
import { table } from '../screen/table.ts';

const WITHIN_MS = 3_000;

/** Looks at everything Errand needs and says how to mend it. Returns 2 where there is a fault, 3 where Redis is away. */
export async function doctor({ json = false }: { json?: boolean }, screen: Screen): Promise<number> {
  const config = loadConfig();
  const keys = await providerKeys(config);
  const providers = keys.map(({ profile }) => profile.name);
  const redis = await redisPart(config, providers);
  const node = nodeFinding(process.versions.node);
  const root = config.worker.workspace_root;
  const workspaces = workspaceFinding(root, await whyNotWritable(root));
  const findings = [node, ...redis.findings, ...workerFindings(config.worker), workspaces, ...keys.map(keyFinding)];
  if (json) screen.print(JSON.stringify({ findings }));
  else show(findings, screen);
  if (redis.isAway) return EXIT.redisAway;
  return findings.some(({ status }) => status === 'fault') ? EXIT.refused : EXIT.ok;
}

async function redisPart(config: Config, providers: string[]): Promise<{ isAway: boolean; findings: Finding[] }> {
  try {
    const target = redisOf(config);
    const { redis, lanes } = await inspect({ target, prefix: config.prefix, providers, withinMs: WITHIN_MS });
    return { isAway: false, findings: [...redisFindings(redis), ...lanes.map(laneFinding)] };
  } catch (error) {
    if (!isErrandError(error)) throw error;
    const { code, message, remedy } = error;
    return { isAway: code === 'REDIS_UNAVAILABLE', findings: [{ check: 'redis', status: 'fault', message, remedy }] };
  }
}

/** What is in the way of making or writing a directory, or `null`. Makes nothing: asks the nearest that is there. */
async function whyNotWritable(directory: string): Promise<string | null> {
  try {
    await access(join(directory, '/'), constants.W_OK | constants.X_OK);
    return null;
  } catch (error) {
    const isAbsent = (error as NodeJS.ErrnoException).code === 'ENOENT' && dirname(directory) !== directory;
    return isAbsent ? whyNotWritable(dirname(directory)) : messageOf(error);
  }
}

function show(findings: Finding[], screen: Screen): void {
  screen.print(
    table(
      findings.map(({ check, status, message }) => ({ check, status, message })),
      { width: screen.width },
    ),
  );
  const mends = findings.flatMap(({ check, remedy }) => (remedy === undefined ? [] : [`${check}: ${remedy}`]));
  if (mends.length > 0) screen.print(`\n${mends.join('\n')}`);
}
