import { z } from 'zod';
import { isShownAsPath } from '../base/path-text.ts';
import { CALL_TIMEOUT_SETTINGS } from '../catalogue/provider.ts';
import { BUDGET_SETTINGS, LIMIT_SETTINGS, WORKSPACE_SETTINGS } from '../contract/limits.ts';
import { RouteRequest, RoutingPrecedence } from '../contract/route.ts';
import { type SettingsTable, tableShape } from '../contract/setting.ts';
import { ToolPolicy } from '../contract/tool-policy.ts';
import { maskedAddress } from '../redis/address.ts';
import { DEFAULT_PREFIX } from '../redis/rights.ts';
import { HTTP_SETTINGS } from '../tools/http/settings.ts';
import { MCP_SETTING } from '../tools/mcp/settings.ts';
import { SHELL_SETTINGS } from '../tools/shell/settings.ts';
import { ModelAliases } from './config-routes.ts';
import { MAX_CONCURRENCY } from './over-worker.ts';

const ms = z.number().int().positive();
const port = z.number().int().min(0).max(65_535);
const path = z.string().min(1);
/** The maximum number of characters of `agent.instructions`: more than a prompt needs, and less than the context of a model. */
const MAX_INSTRUCTIONS = 262_144;
const maskedPath = (text: string) => (isShownAsPath(text) ? text : '[secret]');
/** A name in records, logs and on the board, with the maximum length of a DNS name. */
const name = z
  .string()
  .regex(
    /^(?!\s)[^\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]{1,253}(?<!\s)$/u,
    'expected 1 to 253 printable characters without a space at either end',
  );
const { headers_ms: _, ...streamTimeouts } = CALL_TIMEOUT_SETTINGS;

/**
 * Every key of the configuration. The schema, the variables, docs/reference/configuration.md and `errand config` are
 * made from this table. To add a setting, add a row and run `npm run docs:generate`.
 *
 * Every setting but the address of Redis has a default that suits production.
 */
export const SETTINGS = {
  redis_url: {
    type: z.string({ error: 'expected an address such as redis://host:port' }).optional(),
    variable: 'REDIS_URL',
    mask: maskedAddress,
    meaning: 'the [address](explanations/redis.md#address) of Redis: a server, a socket or Sentinels',
  },
  redis_tls: {
    ca: {
      type: path.optional(),
      variable: 'REDIS_TLS_CA',
      mask: maskedPath,
      meaning:
        'file of the certificate authorities that may sign the [certificate](explanations/redis.md#tls) of the server',
    },
    cert: {
      type: path.optional(),
      variable: 'REDIS_TLS_CERT',
      mask: maskedPath,
      meaning: 'file of the client certificate',
    },
    key: {
      type: path.optional(),
      variable: 'REDIS_TLS_KEY',
      mask: maskedPath,
      meaning: 'file of the key of the client certificate',
    },
  },
  redis_sentinel: {
    user: {
      type: z.string().min(1).optional(),
      variable: 'REDIS_SENTINEL_USER',
      meaning: 'user at the [Sentinels](explanations/redis.md#sentinel)',
    },
  },
  prefix: {
    type: z
      .string()
      .regex(/^\{[a-z0-9-]+\}$/i, 'expected a name in braces, such as {errand}')
      .default(DEFAULT_PREFIX),
    variable: 'ERRAND_PREFIX',
    meaning: 'key prefix, in braces; deployments that share a Redis differ in it',
  },
  providers: {
    type: z.record(z.string(), z.record(z.string(), z.json())).default({}),
    variable: 'ERRAND_PROVIDERS',
    meaning: 'providers by name; the variable takes the section as JSON; [below](#providers)',
  },
  delegation: {
    provider: {
      type: RouteRequest.shape.provider,
      meaning: '[provider](explanations/routing.md) of tasks that name none',
    },
    model: { type: RouteRequest.shape.model, meaning: 'model of tasks that name none' },
    reasoning_effort: { type: RouteRequest.shape.reasoning_effort, meaning: 'effort of tasks that name none' },
  },
  model_aliases: {
    type: ModelAliases.default({}),
    meaning:
      'short [names](explanations/routing.md#forms-of-a-route) of models: a model, `provider:model`, or an object with `provider` and `model`',
  },
  routing_precedence: {
    type: RoutingPrecedence.default('strict'),
    meaning: '`strict`, or `inherit`, which makes top-level route fields of a batch defaults',
  },
  agent: {
    instructions: {
      type: z
        .string()
        .max(MAX_INSTRUCTIONS)
        .refine((text) => text.trim() !== '', 'expected instructions, got blank text')
        .optional(),
      meaning:
        "system prompt of every child instead of Errand's own [text](explanations/prompt.md); give every worker the same",
    },
  },
  tool_policy: {
    type: ToolPolicy.default({}),
    meaning:
      'tools that models may call: names, or patterns with `*`, each `allow` or `deny`; see [policies](how-to/operate.md#deny-tools)',
  },
  limits: LIMIT_SETTINGS,
  budget: BUDGET_SETTINGS,
  workspace: WORKSPACE_SETTINGS,
  http: HTTP_SETTINGS,
  tool_modules: {
    type: z.array(path, 'expected a list of files').max(100).default([]),
    variable: 'ERRAND_TOOL_MODULES',
    meaning:
      'files of your [own tools](how-to/add-a-tool.md), relative to the configuration file; the variable takes the list as JSON',
  },
  shell: SHELL_SETTINGS,
  mcp: MCP_SETTING,
  watchdogs: {
    ...streamTimeouts,
    tool_ms: {
      type: ms.max(86_400_000).default(600_000),
      unit: 'ms',
      meaning: 'one tool call; the model reads that it took too long',
    },
    turns_without_progress: {
      type: z.number().int().min(2).default(5),
      meaning: 'turns in a row with the same tool calls and results',
    },
  },
  tasks: {
    tries: {
      type: z.number().int().min(1).max(100).default(3),
      meaning: 'how often a task is tried if its failure may pass; crashes, deferrals and hand-backs are not counted',
    },
    backoff_ms: { type: ms.default(1_000), unit: 'ms', meaning: 'the first back-off; it doubles, up to an hour' },
    ingest_timeout_ms: {
      type: ms.default(600_000),
      unit: 'ms',
      meaning: 'how long a large batch waits for a producer that vanished while it was adding tasks',
    },
    version_wait_ms: {
      type: ms.default(3_600_000),
      unit: 'ms',
      meaning:
        'how long a task of a newer version, or with a toolset that its worker lacks, waits while no worker that can run it serves its lane',
    },
    retention_days: {
      type: z.number().positive().default(7),
      unit: 'days',
      meaning: 'how long records of a settled batch are kept',
    },
    unserved_ms: {
      type: ms.default(3_600_000),
      unit: 'ms',
      meaning: 'how long a lane may go without a worker before its tasks fail with `LANE_UNSERVED`',
    },
  },
  worker: {
    name: {
      type: name.optional(),
      variable: 'ERRAND_WORKER_NAME',
      meaning: '1 to 253 printable characters; host name and process id if absent',
    },
    seat: {
      type: name.optional(),
      variable: 'ERRAND_WORKER_SEAT',
      meaning:
        'a place on its host that holds one worker at a time, named as `worker.name` is; see [operations](how-to/operate.md#containers)',
    },
    only: {
      type: z.array(z.string().min(1)).min(1).optional(),
      meaning:
        'the providers whose lanes the worker takes, all of them if absent; see [operations](how-to/operate.md#one-provider-on-its-own-workers)',
    },
    concurrency: {
      type: z.number().int().min(1).max(MAX_CONCURRENCY).default(50),
      variable: 'ERRAND_CONCURRENCY',
      meaning: 'tasks at a time, in each lane',
    },
    lock_duration_ms: {
      type: ms.min(500).default(60_000),
      unit: 'ms',
      variable: 'ERRAND_LOCK_DURATION_MS',
      meaning:
        'after this long without a renewal, and up to a third more, another worker takes the task, or earlier if the death of its worker is [proven sooner](explanations/crashes.md#when-the-tasks-run-again)',
    },
    drain_grace_ms: {
      type: z.number().int().nonnegative().default(3_000),
      unit: 'ms',
      variable: 'ERRAND_DRAIN_GRACE_MS',
      meaning: 'how long a turn under way may go on after SIGTERM',
    },
    health_host: {
      type: z.string().default('0.0.0.0'),
      variable: 'ERRAND_HEALTH_HOST',
      meaning: 'address of the probes and metrics',
    },
    health_port: {
      type: port.default(9464),
      variable: 'ERRAND_HEALTH_PORT',
      meaning: 'port of the probes and metrics; 0 takes a free one',
    },
    workspace_root: {
      type: z.string().default('.errand/workspaces'),
      variable: 'ERRAND_WORKSPACE_ROOT',
      meaning: 'directory of the workspaces',
    },
    log_level: {
      type: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']).default('info'),
      variable: 'ERRAND_LOG_LEVEL',
      meaning: '`trace`, `debug`, `info`, `warn`, `error` or `silent`',
    },
  },
  board: {
    host: {
      type: z.string().default('127.0.0.1'),
      variable: 'ERRAND_BOARD_HOST',
      meaning: 'address of the board; any other than loopback needs a password',
    },
    port: { type: port.default(3000), variable: 'ERRAND_BOARD_PORT', meaning: 'port of the board' },
    operator: {
      type: name
        .regex(/^[^:]*$/, 'expected a name without a colon, because a colon ends the user name in a login')
        .default('operator'),
      variable: 'ERRAND_BOARD_OPERATOR',
      meaning: 'user name for the password of the board: as `worker.name`, and without a colon',
    },
    trusted_proxies: {
      type: z.number().int().min(0).max(16).default(0),
      variable: 'ERRAND_BOARD_TRUSTED_PROXIES',
      meaning:
        'how many [proxies](explanations/board.md#behind-a-proxy) append to `X-Forwarded-For` in front of the board',
    },
  },
} satisfies SettingsTable;

/** The schema of `errand.config.yaml`. */
export const ConfigFile = z.strictObject(tableShape(SETTINGS));
