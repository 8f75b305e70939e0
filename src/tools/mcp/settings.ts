import { z } from 'zod';
import { isLoopback, refusedKindOf } from '../../catalogue/endpoint-address.ts';
import type { Setting } from '../../contract/setting.ts';
import { OwnToolsetName } from '../../contract/task.ts';

const ms = z.number().int().positive().max(86_400_000);

/** A name of tools, in which `*` matches any characters. */
const Pattern = z
  .string()
  .regex(/^[\w./*-]{1,128}$/, 'expected a name of tools: letters, digits, "_", "-", "." and "/", with * for any text');

const VARIABLE = /^[A-Za-z_]\w{0,99}$/;

/** One MCP server of the configuration. */
const Server = z
  .strictObject({
    command: z.array(z.string().min(1)).min(1).optional(),
    url: z.string().optional(),
    credential: z
      .string()
      .regex(/^(env:\w+|file:\/.+|none)$/, 'expected env:NAME, file:/path or none')
      .default('none'),
    allow_plain_http: z.boolean().default(false),
    env: z.record(z.string().regex(VARIABLE, 'expected the name of a variable'), z.string()).default({}),
    cwd: z.string().min(1).optional(),
    tools: z.array(Pattern).min(1).default(['*']),
    class: z.record(Pattern, z.enum(['read', 'idempotent', 'effect'])).default({}),
    isolation: z.enum(['per_task', 'shared']).default('per_task'),
    idle_ms: ms.optional(),
    start_timeout_ms: ms.default(30_000),
    call_timeout_ms: ms.default(60_000),
  })
  .superRefine((server, context) => {
    const problem = problemOfServer(server);
    if (problem !== null) context.addIssue({ code: 'custom', message: problem });
  });

/** An MCP server, as the operator declares it. */
export type McpServer = z.infer<typeof Server> & {
  /** Its name in the configuration. Tasks ask for the toolset `mcp:<name>`. */
  name: string;
};

/** The MCP servers of a deployment, and how many processes a worker may run for them. */
export type McpSettings = { max_processes: number; servers: McpServer[] };

const RESERVED = 'max_processes';

/** The section `mcp` of the configuration: servers by name, beside `max_processes`. */
const McpSection = z
  .object({ [RESERVED]: z.number().int().min(1).max(1_000).default(8) })
  .catchall(Server)
  .superRefine((section, context) => {
    for (const name of Object.keys(section)) {
      const problem = name === RESERVED ? null : problemOfName(name);
      if (problem !== null) context.addIssue({ code: 'custom', path: [name], message: problem });
    }
  });

/** The section as a setting. */
export const MCP_SETTING = {
  type: McpSection.prefault({}),
  meaning:
    '[MCP servers](how-to/use-an-mcp-server.md) by name, and `max_processes`, how many processes of them a worker runs at a time',
} satisfies Setting;

/** Returns the MCP servers of the section. */
export function mcpSettingsOf({ max_processes, ...servers }: z.infer<typeof McpSection>): McpSettings {
  return { max_processes, servers: Object.entries(servers).map(([name, server]) => ({ ...server, name })) };
}

function problemOfServer(server: Omit<McpServer, 'name'>): string | null {
  const { command, url, allow_plain_http, env, isolation, idle_ms } = server;
  if ((command === undefined) === (url === undefined)) return 'expected either command or url';
  if (idle_ms !== undefined && isolation !== 'shared') return 'expected idle_ms only beside isolation: shared';
  if (url === undefined) return null;
  if (Object.keys(env).length > 0) return 'expected env only beside command';
  const address = URL.parse(url);
  if (address === null || !/^https?:$/.test(address.protocol)) return 'expected an http or https address as url';
  if (address.username || address.password || address.hash) return 'expected a url without a user, a password or a #';
  const kind = refusedKindOf(address.hostname);
  if (kind !== null) return `expected a url at a usual address, got a ${kind} address`;
  const isPlain = address.protocol === 'http:' && !isLoopback(address.hostname);
  return isPlain && !allow_plain_http ? 'expected https beyond this machine, or allow_plain_http: true' : null;
}

/** The names of tools begin with the name of their server and `__`, so a server has no `__` in its own. */
function problemOfName(name: string): string | null {
  if (!OwnToolsetName.safeParse(name).success)
    return 'expected a name of lower-case letters, digits, "-" and "_", at most 40';
  return /__|_$/.test(name) ? 'expected a name without "__" that does not end in "_"' : null;
}

/** Tells whether the value of a variable names a secret: `env:NAME` or `file:/path`. */
export function isSecretSource(value: string): boolean {
  return /^(env:|file:\/)/.test(value);
}
