import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { Hold } from '../../../src/agent/resource.ts';
import { loadConfig } from '../../../src/app/config.ts';
import { Redactor } from '../../../src/base/secret.ts';
import { secretsIn } from '../../../src/credentials/secrets.ts';
import type { GuardedProcess } from '../../../src/processes/guarded-process.ts';
import { McpServers } from '../../../src/tools/mcp/servers.ts';
import { listInText } from '../../../src/tools/mcp/tool-list.ts';
import { aDeployment } from '../../helpers/deployment.ts';
import { mcpServer } from '../../helpers/mcp-servers.ts';
import { freshPrefix, openRedis } from '../../helpers/redis.ts';
import { toolProblems } from '../../helpers/tool-schema-check.ts';
import { aSession } from '../../helpers/tools.ts';

type Script = { version: string; tools: object[] };

/** A deployment with a server that follows a script. `starts`: the versions that were started. */
async function aScripted(script: Script) {
  const dir = await mkdtemp(join(tmpdir(), 'errand-mcp-'));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  const [file, started] = [join(dir, 'script'), join(dir, 'starts')];
  await writeFile(file, JSON.stringify(script));
  const scripted = mcpServer('scripted', { env: { SCRIPT: file, STARTS: started } });
  const deployment = await aDeployment({ settings: { mcp: { scripted, max_processes: 1 }, tasks: { tries: 1 } } });
  await deployment.startWorker();
  const run = async (provider: string, ...calls: string[]) => {
    const goal = `${calls.map((call) => `[[sim: tool=scripted__${call}]]`).join(' ')} [[sim: text="done"]]`;
    const { batch_id } = await deployment.producer.enqueue({ goal, provider, toolsets: ['mcp:scripted'] });
    await deployment.producer.settled(batch_id);
    const [outcome] = await deployment.outcomesOf(batch_id);
    return { outcome, last: deployment.simulator.requests().at(-1)?.body ?? '' };
  };
  const starts = async () => (await readFile(started, 'utf8')).split('\n').filter(Boolean);
  return { deployment, file, run, starts };
}

function aTool(name: string, inputSchema: object = {}): object {
  return { name, inputSchema: { type: 'object', ...inputSchema } };
}

function deep(levels: number): object {
  let schema: object = { type: 'string' };
  for (let level = 0; level < levels; level++) schema = { type: 'array', items: schema };
  return schema;
}

const AWKWARD = [
  aTool('find', { $schema: 'http://json-schema.org/draft-07/schema#' }),
  aTool('union', {
    anyOf: [{ required: ['id'] }, { required: ['list'] }],
    properties: { id: { $ref: '#/$defs/id' }, list: { type: 'array' } },
    $defs: { id: { type: 'integer' } },
  }),
  aTool('nested', { properties: { either: { oneOf: [{ type: ['array', 'null'] }, deep(50)] } } }),
  aTool('wide', { properties: Object.fromEntries(Array.from({ length: 2_000 }, (_, at) => [`field_${at}`, {}])) }),
];

test.each(['local', 'openai', 'anthropic'])('awkward schemas of a server are sent as %s accepts them', async (wire) => {
  const { deployment, run } = await aScripted({ version: '1', tools: AWKWARD });
  const { outcome, last } = await run(wire, 'find args={}');
  expect(outcome?.status).toBe('succeeded');
  expect(last).toContain('did find');
  expect(deployment.simulator.requests().flatMap(toolProblems)).toEqual([]);
});

test.each([
  ['a schema that is too deep', [aTool('deep', { properties: { x: deep(1_000) } })], 'nested too deep'],
  ['a tool without a schema', [{ name: 'bare' }], 'inputSchema'],
  ['two tools of one name', [aTool('twice'), aTool('twice')], 'have the same name'],
])('a list with %s is refused with the reason', async (_, tools, reason) => {
  const { run } = await aScripted({ version: '1', tools });
  const { outcome } = await run('local');
  expect(JSON.stringify(outcome)).toContain(reason);
  expect(outcome).toMatchObject({ failure: { code: 'TOOLSET_UNAVAILABLE' } });
});

test('another version of a server is listed again, and a tool that went is an error', async () => {
  const { file, run, starts } = await aScripted({ version: '1', tools: [aTool('old'), aTool('kept')] });
  await run('local');
  await writeFile(file, JSON.stringify({ version: '2', tools: [aTool('kept'), aTool('new')] }));
  const { last } = await run('local', 'old args={}', 'kept args={}');
  expect(last).toContain('no longer has this tool');
  expect(last).toContain('did kept');
  expect((await run('local', 'new args={}')).last).toContain('did new');
  expect(await starts()).toEqual(['1', '2', '2']);
});

test('a server that says that its tools changed has its list fetched again', async () => {
  const { run } = await aScripted({ version: '1', tools: [aTool('change'), aTool('old')] });
  const change = JSON.stringify({ tools: [aTool('new')] });
  expect((await run('local', `change args=${change}`, 'old args={}')).last).toContain('no longer has this tool');
  expect((await run('local', 'new args={}')).last).toContain('did new');
});

test('a server that closes its output and runs on is ended at once', async () => {
  const { run } = await aScripted({ version: '1', tools: [aTool('hang_up'), aTool('kept')] });
  const { outcome, last } = await run('local', 'hang_up args={}', 'kept args={}');
  expect(last).toContain('it may have taken effect, and was not repeated');
  expect(last).toContain('did kept');
  expect(outcome?.cleanup.steps.filter(({ kind }) => kind === 'process')).toHaveLength(2);
});

test.each([
  ['no JSON', '{'],
  ['another shape', '{"server":{},"tools":7}'],
  [
    'a schema that is too deep',
    JSON.stringify({ server: { name: 'scripted', version: '1' }, tools: [aTool('x', deep(500))] }),
  ],
  [
    'another version',
    JSON.stringify({ server: { name: 'scripted', version: '0' }, tools: [aTool('kept'), aTool('x')] }),
  ],
])('a stored list that is wrong does no harm: %s', async (_, text) => {
  const { deployment, run } = await aScripted({ version: '1', tools: [aTool('kept')] });
  await run('local');
  const redis = openRedis();
  const [key = '', ...others] = await redis.keys(`${deployment.prefix}*tool_list*`);
  expect(others).toEqual([]);
  await redis.set(key, text);
  expect((await run('local', 'kept args={}')).last).toContain('did kept');
  expect(listInText((await redis.get(key)) ?? '')).toEqual({
    server: { name: 'scripted', version: '1' },
    tools: [aTool('kept')],
  });
});

test('a server without the process guard has a note in the outcome', async () => {
  const settings = loadConfig({}, { mcp: { plain: mcpServer('plain') } }).mcp;
  const { toolsets } = new McpServers(settings, {
    base: { PATH: process.env.PATH ?? '' },
    secrets: secretsIn({}),
    redactor: new Redactor(),
    deployment: { prefix: freshPrefix(), workspaceRoot: tmpdir() },
    guardPath: async () => null,
    lists: { read: async () => null, write: async () => undefined },
  });
  const started: GuardedProcess[] = [];
  const hold: Hold = async ({ tree }) => {
    started.push((await tree?.acquire()) as GuardedProcess);
    return { tree: started[0] } as never;
  };
  const opened = await toolsets[0]?.open(aSession({ hold }));
  expect(opened?.notes?.()).toEqual([expect.stringMatching(/^the MCP server "plain" ran without the process guard/)]);
  await started[0]?.close();
});
