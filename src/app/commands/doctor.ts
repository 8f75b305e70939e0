import { access, constants } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { oneLine } from '../../base/text.ts';
import { systemFaultText } from '../../contract/system-fault.ts';
import type { SecretReader } from '../../credentials/secrets.ts';
import { ErrandError, isErrandError, messageOf } from '../../errors.ts';
import { inspect, type Looked } from '../../queue/inspection.ts';
import { composeToolsets } from '../compose-toolsets.ts';
import { type Config, loadConfig, processSecrets } from '../config.ts';
import {
  clockFinding,
  type Finding,
  failedFinding,
  laneFinding,
  nodeFinding,
  providerFindings,
  redisFindings,
  rightsFinding,
  workerFindings,
  workspaceFinding,
} from '../diagnosis.ts';
import { EXIT } from '../exit-code.ts';
import { providerKeys } from '../provider-keys.ts';
import { redisOf } from '../redis-settings.ts';
import type { Screen } from '../screen/screen.ts';
import { table } from '../screen/table.ts';
import { loadOwnTools } from '../tool-modules.ts';

const WITHIN_MS = 3_000;

/**
 * Checks everything that Errand needs and prints how to fix it. Returns 2 if there is a fault, 3 if Redis is
 * unavailable.
 */
export async function doctor({ json = false }: { json?: boolean }, screen: Screen): Promise<number> {
  const config = loadConfig();
  const secrets = processSecrets();
  const [redis, ...others] = await Promise.all([
    redisPart(config, secrets),
    checked('worker', async () => workerFindings(config.worker)),
    checked('worker workspaces', async () => {
      const root = config.worker.workspace_root;
      return [workspaceFinding(root, await whyNotWritable(root))];
    }),
    checked('tool modules', () => toolFindings(config)),
    checked('providers', async () => (await providerKeys(config.providers, secrets)).flatMap(providerFindings)),
  ]);
  const findings = [nodeFinding(process.versions.node), ...redis.findings, ...others.flat()];
  if (json) screen.json({ findings });
  else show(findings, screen);
  const isFaulty = findings.some(({ status }) => status === 'fault');
  const exitCode = redis.isAway ? EXIT.redisAway : isFaulty ? EXIT.refused : EXIT.ok;
  // A tool module may hold a connection or a timer, which would keep the process running.
  if (config.tool_modules.length > 0) process.exit(exitCode);
  return exitCode;
}

/** Loads the tool modules as a worker does. Without modules there is nothing to find. */
async function toolFindings(config: Config): Promise<Finding[]> {
  if (config.tool_modules.length === 0) return [];
  const { ownNames } = composeToolsets(config, await loadOwnTools(config));
  return [{ check: 'tool modules', status: 'ok', message: `toolsets ${ownNames.join(', ')}` }];
}

/** Runs one check. If the check throws, the error becomes its finding. */
async function checked(check: string, look: () => Promise<Finding[]>): Promise<Finding[]> {
  try {
    return await look();
  } catch (error) {
    return [failedFinding(check, errorOf(error))];
  }
}

async function redisPart(config: Config, secrets: SecretReader): Promise<{ isAway: boolean; findings: Finding[] }> {
  try {
    const target = redisOf(config, secrets);
    const providers = config.providers.map(({ name }) => name);
    const { prefix } = config;
    const inspection = await inspect({ target, prefix, providers, withinMs: WITHIN_MS });
    const { facts, clockSkewMs, place, rights, lanes } = inspection;
    const known = rights.status === 'seen' ? rights.value : null;
    const findingsOf = <T>(check: string, looked: Looked<T>, judge: (seen: T) => Finding[]) =>
      looked.status === 'seen' ? judge(looked.value) : [failedFinding(check, looked.error, known)];
    const looks = [facts, clockSkewMs, place, rights, ...lanes.map(({ looked }) => looked)];
    return {
      isAway: looks.some((look) => look.status === 'failed' && look.error.code === 'REDIS_UNAVAILABLE'),
      findings: [
        ...findingsOf('redis info', facts, redisFindings),
        ...findingsOf('clock', clockSkewMs, (skew) => [clockFinding(skew)]),
        ...findingsOf('redis keys', place, () => []),
        ...findingsOf('redis rights', rights, (seen) => [rightsFinding(seen)]),
        ...lanes.flatMap(({ provider, looked }) =>
          findingsOf(`lane ${provider}`, looked, (lane) => [laneFinding(lane, known)]),
        ),
      ],
    };
  } catch (error) {
    const reason = errorOf(error);
    return { isAway: reason.code === 'REDIS_UNAVAILABLE', findings: [failedFinding('redis', reason)] };
  }
}

function errorOf(error: unknown): ErrandError {
  return isErrandError(error) ? error : new ErrandError('INTERNAL', messageOf(error), { cause: error });
}

/**
 * Returns why a directory cannot be created or written, or `null`. It creates nothing: it checks the nearest existing
 * parent.
 */
async function whyNotWritable(directory: string): Promise<string | null> {
  try {
    await access(join(directory, '/'), constants.W_OK | constants.X_OK);
    return null;
  } catch (error) {
    const isAbsent = (error as NodeJS.ErrnoException).code === 'ENOENT' && dirname(directory) !== directory;
    return isAbsent ? whyNotWritable(dirname(directory)) : `${directory} cannot be written: ${systemFaultText(error)}`;
  }
}

function show(findings: Finding[], screen: Screen): void {
  screen.print(
    table(
      findings.map(({ check, status, message }) => ({ check: oneLine(check), status, message: oneLine(message) })),
      { width: screen.width },
    ),
  );
  const remedies = findings.flatMap(({ check, status, message, remedy }) => {
    // The table cuts a long message, whose end often names the cause.
    const whole = status === 'fault' ? `${message.replace(/\.$/, '')}. ` : '';
    return remedy === undefined ? [] : [oneLine(`${check}: ${whole}${remedy}`)];
  });
  if (remedies.length > 0) screen.print(`\n${remedies.join('\n')}`);
}
