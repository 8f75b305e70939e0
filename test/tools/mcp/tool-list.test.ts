import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { aDeployment } from '../../helpers/deployment.ts';
import { mcpServer } from '../../helpers/mcp-servers.ts';
import { toolProblems } from '../../helpers/tool-schema-check.ts';

type Script = { version: string; tools: object[] };

/** A deployment with a server that follows a script. `starts`: the versions that were started. */
async function aScripted(script: Script) {
  const dir = await mkdtemp(join(tmpdir(), 'errand-mcp-'));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  const [file, started] = [join(dir, 'script'), join(dir, 'starts')];
  await writeFile(file, JSON.stringify(script));
  const scripted = mcpServer('scripted', { env: { SCRIPT: file, STARTS: started } });
  const deployment = await aDeployment({ settings: { mcp: { scripted }, tasks: { tries: 1 } } });
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
