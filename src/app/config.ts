import { hostname } from 'node:os';
import { resolve } from 'node:path';
import { z } from 'zod';
import { quoted } from '../base/text.ts';
import { withBuiltIn } from '../catalogue/catalogue.ts';
import { CallTimeouts, Provider } from '../catalogue/provider.ts';
import { DefaultBudget, Limits, WorkspaceLimits } from '../contract/limits.ts';
import { RouteRequest, RoutingPrecedence } from '../contract/route.ts';
import { type Environment, type SecretReader, secretsIn } from '../credentials/secrets.ts';
import { isErrandError } from '../errors.ts';
import { parseRedisAddress, type RedisAddress } from '../redis/address.ts';
import { DEFAULT_PREFIX } from '../redis/rights.ts';
import { numberIn, providersOf } from './config-environment.ts';
import { configInvalid } from './config-fault.ts';
import { readConfigFile } from './config-file.ts';
import { ModelAliases, readNames } from './config-routes.ts';
import { inWords } from './config-words.ts';
import { MAX_CONCURRENCY, problemsOfOnly } from './over-worker.ts';

const ms = z.number().int().positive();
const file = z.string().min(1);
/** A name in records, logs and on the board. A DNS name has at most 253 characters. */
const name = z
  .string()
  .regex(
    /^(?!\s)[^\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]{1,253}(?<!\s)$/u,
    'expected 1 to 253 printable characters, no space at an end',
  );
const port = z.number().int().min(0).max(65_535);

/** What may stand in `errand.config.yaml`. Everything but the address of Redis has a default; every default is one that production can keep. */
const ConfigFile = z.strictObject({
  redis_url: z.string({ error: 'expected an address, such as redis://host:port' }).optional(),
  /** Files for `rediss://`: certificate authorities of the server, certificate and key of the client. */
  redis_tls: z.strictObject({ ca: file.optional(), cert: file.optional(), key: file.optional() }).prefault({}),
  /** Login at the Sentinels; its password is in `REDIS_SENTINEL_PASSWORD`. */
  redis_sentinel: z.strictObject({ user: z.string().min(1).optional() }).prefault({}),
  /** Key prefix in Redis, in braces. Deployments that share a Redis differ in it. */
  prefix: z
    .string()
    .regex(/^\{[a-z0-9-]+\}$/i, 'expected a name in braces, such as {errand}')
    .default(DEFAULT_PREFIX),
  /** Providers beside the built-in ones, by name. The name of a built-in one replaces it as a whole. */
  providers: z.record(z.string(), z.record(z.string(), z.json())).default({}),
  delegation: RouteRequest.default({}),
  /** Short names of models; see {@link ModelAliases}. */
  model_aliases: ModelAliases.default({}),
  routing_precedence: RoutingPrecedence.default('strict'),
  limits: Limits.prefault({}),
  /** What a child may use where its task says nothing. */
  budget: DefaultBudget.prefault({}),
  /** How much a child may keep in its workspace. */
  workspace: WorkspaceLimits.prefault({}),
  /** What ends a child that hangs or turns in circles. A provider's own `timeouts` win, a task's budget may lower all. */
  watchdogs: CallTimeouts.omit({ headers_ms: true })
    .extend({
      /** One tool call. */
      tool_ms: ms.max(86_400_000).default(600_000),
      /** Turns in a row with the same tool calls and the same results. */
      turns_without_progress: z.number().int().min(2).default(5),
    })
    .prefault({}),
  tasks: z
    .strictObject({
      /** How often a task is tried when its failure may pass. Crashes, deferrals and hand-backs are not counted. */
      tries: z.number().int().min(1).max(100).default(3),
      backoff_ms: ms.default(1_000),
      /** How long a large batch waits for a producer that vanished while it was adding tasks. */
      ingest_timeout_ms: ms.default(600_000),
      /** How long a task of a newer version waits while no worker that can run it serves its lane. */
      version_wait_ms: ms.default(3_600_000),
      retention_days: z.number().positive().default(7),
      /** How long a lane may go without a worker before its tasks fail. */
      unserved_ms: ms.default(3_600_000),
    })
    .prefault({}),
  worker: z
    .strictObject({
      name: name.optional(),
      /** A place on its host that the platform fills with one worker at a time: what sits there now has ended what sat there. */
      seat: name.optional(),
      only: z.array(z.string().min(1)).min(1).optional(),
      /** Tasks at a time, in each lane. */
      concurrency: z.number().int().min(1).max(MAX_CONCURRENCY).default(50),
      lock_duration_ms: ms.min(500).default(60_000),
      /** How long a turn under way may go on after SIGTERM before it is aborted and its task handed back. */
      drain_grace_ms: z.number().int().nonnegative().default(3_000),
      /** Where `/healthz`, `/readyz` and `/metrics` are served. */
      health_host: z.string().default('0.0.0.0'),
      health_port: port.default(9464),
      workspace_root: z.string().default('.errand/workspaces'),
      log_level: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']).default('info'),
    })
    .prefault({}),
  board: z
    .strictObject({
      host: z.string().default('127.0.0.1'),
      port: port.default(3000),
      operator: name.regex(/^[^:]*$/, 'expected no colon, which ends a user name in a login').default('operator'),
      trusted_proxies: z.number().int().min(0).max(16).default(0),
    })
    .prefault({}),
});

/**
 * The configuration of a process: the file, overridden by the environment, completed by defaults. `providers` are
 * all there are, the built-in ones included.
 */
export type Config = Omit<z.infer<typeof ConfigFile>, 'providers' | 'model_aliases' | 'worker' | 'redis_url'> & {
  /** The parsed `redis_url`; absent if no Redis is configured. */
  redis?: RedisAddress;
  providers: Provider[];
  model_aliases: Record<string, RouteRequest>;
  worker: z.infer<typeof ConfigFile>['worker'] & { name: string };
  /** The configuration file that was read; `null` without one. */
  file: string | null;
};

/** The environment of this process: the one place where it is read. */
export function processEnvironment(): Environment {
  return { ...process.env };
}

/** Makes a reader of the secrets that this process has now. */
export function processSecrets(): SecretReader {
  return secretsIn(processEnvironment());
}

/** Where each variable goes. The environment wins over the file, so that one file serves several deployments. */
const VARIABLES: Record<string, { path: [string] | [string, string]; isNumber?: true }> = {
  REDIS_URL: { path: ['redis_url'] },
  REDIS_TLS_CA: { path: ['redis_tls', 'ca'] },
  REDIS_TLS_CERT: { path: ['redis_tls', 'cert'] },
  REDIS_TLS_KEY: { path: ['redis_tls', 'key'] },
  REDIS_SENTINEL_USER: { path: ['redis_sentinel', 'user'] },
  ERRAND_PREFIX: { path: ['prefix'] },
  ERRAND_WORKER_NAME: { path: ['worker', 'name'] },
  ERRAND_WORKER_SEAT: { path: ['worker', 'seat'] },
  ERRAND_CONCURRENCY: { path: ['worker', 'concurrency'], isNumber: true },
  ERRAND_DRAIN_GRACE_MS: { path: ['worker', 'drain_grace_ms'], isNumber: true },
  ERRAND_LOCK_DURATION_MS: { path: ['worker', 'lock_duration_ms'], isNumber: true },
  ERRAND_HEALTH_HOST: { path: ['worker', 'health_host'] },
  ERRAND_HEALTH_PORT: { path: ['worker', 'health_port'], isNumber: true },
  ERRAND_WORKSPACE_ROOT: { path: ['worker', 'workspace_root'] },
  ERRAND_LOG_LEVEL: { path: ['worker', 'log_level'] },
  ERRAND_BOARD_HOST: { path: ['board', 'host'] },
  ERRAND_BOARD_PORT: { path: ['board', 'port'], isNumber: true },
  ERRAND_BOARD_OPERATOR: { path: ['board', 'operator'] },
  ERRAND_BOARD_TRUSTED_PROXIES: { path: ['board', 'trusted_proxies'], isNumber: true },
};

type Settings = Record<string, unknown>;

/**
 * Reads the configuration: `errand.config.yaml` in the working directory, or the file that `ERRAND_CONFIG` names, then
 * the environment, then `ERRAND_PROVIDERS` (the `providers` section as JSON).
 *
 * @throws ErrandError `CONFIG_INVALID` with every problem, naming the setting or the variable.
 */
export function loadConfig(environment: Environment = processEnvironment(), overrides: Settings = {}): Config {
  const { file, settings: own } = readConfigFile(environment.ERRAND_CONFIG);
  const settings = merge(merge(own, fromEnvironment(environment)), overrides);
  const parsed = ConfigFile.safeParse(settings, inWords('setting'));
  const named = (path: string[]) =>
    sourceOf(path, 'redis_url' in overrides ? { ...environment, REDIS_URL: '' } : environment);
  if (!parsed.success) {
    throw configInvalid(parsed.error.issues.map(({ path, message }) => ({ path: named(path.map(String)), message })));
  }
  const { providers, worker, redis_url: url, ...rest } = parsed.data;
  const redis = url === undefined ? {} : { redis: parseRedis(url, named(['redis_url'])) };
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
    model_aliases: aliases,
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

function fromEnvironment(environment: Environment): Settings {
  const settings: Settings = {};
  for (const [name, { path, isNumber }] of Object.entries(VARIABLES)) {
    const text = environment[name];
    if (text === undefined || text === '') continue;
    const [section, field] = path;
    const value = isNumber ? numberIn(text) : text;
    if (Number.isNaN(value)) {
      throw configInvalid([{ path: `${name} (${path.join('.')})`, message: `expected a number, got ${quoted(text)}` }]);
    }
    if (field === undefined) settings[section] = value;
    else settings[section] = { ...(settings[section] as Settings | undefined), [field]: value };
  }
  if (environment.ERRAND_PROVIDERS) settings.providers = providersOf(environment.ERRAND_PROVIDERS);
  return settings;
}

function parseProvider(name: string, fields: object): Provider {
  const parsed = Provider.safeParse({ ...fields, name }, inWords('setting'));
  if (parsed.success) return parsed.data;
  throw configInvalid(
    parsed.error.issues.map(({ path, message }) => ({ path: ['providers', name, ...path].join('.'), message })),
  );
}

/** Lays `over` on `under`, section by section; lists and values are replaced whole. */
function merge(under: Settings, over: Settings): Settings {
  const merged: Settings = { ...under };
  for (const [key, value] of Object.entries(over)) {
    const below = merged[key];
    merged[key] = isSettings(below) && isSettings(value) ? { ...below, ...value } : value;
  }
  return merged;
}

function isSettings(value: unknown): value is Settings {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function sourceOf(path: string[], environment: Environment): string {
  const setting = path.join('.') || 'configuration';
  const variable = Object.entries(VARIABLES).find(
    ([name, { path: target }]) => environment[name] && target.join('.') === setting,
  );
  return variable ? `${variable[0]} (${setting})` : setting;
}
