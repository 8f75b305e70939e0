import { hostname } from 'node:os';
import { dirname, resolve } from 'node:path';
import type { z } from 'zod';
import { withBuiltIn } from '../catalogue/catalogue.ts';
import { Provider } from '../catalogue/provider.ts';
import type { RouteRequest } from '../contract/route.ts';
import { inWords } from '../contract/schema-words.ts';
import { type Environment, type SecretReader, secretsIn } from '../credentials/secrets.ts';
import { isErrandError } from '../errors.ts';
import { parseRedisAddress, type RedisAddress } from '../redis/address.ts';
import { type McpSettings, mcpSettingsOf } from '../tools/mcp/settings.ts';
import { configInvalid } from './config-fault.ts';
import { merge, type ReadSettings, readSettings, type Settings } from './config-layers.ts';
import { readNames } from './config-routes.ts';
import { ConfigFile } from './config-settings.ts';
import { problemsOfOnly } from './over-worker.ts';

/**
 * The configuration of a process: the file, overridden by the environment, completed by defaults. `providers` includes
 * the built-in providers. The paths of `tool_modules` are absolute.
 */
export type Config = Omit<
  z.infer<typeof ConfigFile>,
  'providers' | 'model_aliases' | 'mcp' | 'worker' | 'redis_url'
> & {
  mcp: McpSettings;
  /** The parsed `redis_url`; absent if no Redis is configured. */
  redis?: RedisAddress;
  providers: Provider[];
  model_aliases: Record<string, RouteRequest>;
  worker: z.infer<typeof ConfigFile>['worker'] & { name: string };
  /** The configuration file that was read; `null` if there is no file. */
  file: string | null;
};

/** Returns a copy of the environment of this process. No other code reads `process.env`. */
export function processEnvironment(): Environment {
  return { ...process.env };
}

/** Takes variables out of the environment of this process and of the processes that it starts from now on. */
export function dropVariables(names: readonly string[]): void {
  for (const name of names) delete process.env[name];
}

/** Makes a reader of the secrets in the current environment. */
export function processSecrets(): SecretReader {
  return secretsIn(processEnvironment());
}

/**
 * Reads the configuration: `errand.config.yaml` in the working directory, or the file that `ERRAND_CONFIG` names.
 * Variables override the file, and `options` override both.
 *
 * @throws ErrandError `CONFIG_INVALID` with every problem, naming the setting or the variable.
 */
export function loadConfig(environment: Environment = processEnvironment(), options: Settings = {}): Config {
  return checkSettings(readSettings(environment, options));
}

/**
 * Checks settings and adds the defaults.
 *
 * @throws ErrandError `CONFIG_INVALID` with every problem, naming the setting or the variable.
 */
export function checkSettings({ settings, file, nameOf }: ReadSettings): Config {
  const parsed = ConfigFile.safeParse(settings, inWords('setting'));
  if (!parsed.success) {
    throw configInvalid(parsed.error.issues.map(({ path, message }) => ({ path: nameOf(path.map(String)), message })));
  }
  const { providers, mcp, worker, redis_url: url, ...rest } = parsed.data;
  const redis = url === undefined ? {} : { redis: parseRedis(url, nameOf(['redis_url'])) };
  const { tool_ms: _, turns_without_progress: __, ...timeouts } = rest.watchdogs;
  const known = Object.entries(withBuiltIn(providers)).map(([name, fields]) =>
    parseProvider(name, merge({ timeouts }, fields)),
  );
  const { aliases, problems } = readNames(rest, known);
  problems.push(...problemsOfOnly(worker.only, known));
  if (problems.length > 0) throw configInvalid(problems);
  return Object.freeze({
    ...rest,
    ...redis,
    providers: known,
    mcp: mcpSettingsOf(mcp),
    model_aliases: aliases,
    tool_modules: rest.tool_modules.map((path) => resolve(dirname(file ?? '.'), path)),
    worker: {
      ...worker,
      name: worker.name ?? `${hostname()}-${process.pid}`,
      workspace_root: resolve(worker.workspace_root),
    },
    file,
  });
}

function parseRedis(url: string, path: string): RedisAddress {
  try {
    return parseRedisAddress(url);
  } catch (error) {
    if (!isErrandError(error)) throw error;
    throw configInvalid([{ path, message: error.message }], error.remedy);
  }
}

function parseProvider(name: string, fields: object): Provider {
  const parsed = Provider.safeParse({ ...fields, name }, inWords('setting'));
  if (parsed.success) return parsed.data;
  throw configInvalid(
    parsed.error.issues.map(({ path, message }) => ({ path: ['providers', name, ...path].join('.'), message })),
  );
}
