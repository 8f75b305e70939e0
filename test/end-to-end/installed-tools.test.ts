import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import type { Outcome } from '../../src/contract/outcome.ts';
import { createProducer, type Producer } from '../../src/entries/producer.ts';
import { type Simulator, startSimulator } from '../../src/entries/simulator.ts';
import { type Ended, follow, type Running } from '../app/run-cli.ts';
import { simulatedProviders } from '../helpers/deployment.ts';
import { installPackage } from '../helpers/installed-package.ts';
import { expectNoSecret, freshPrefix, redisUrl } from '../helpers/redis.ts';
import { toolProblems } from '../helpers/tool-schema-check.ts';

/** The secrets that a worker gets; each value is its name with this suffix. */
const SECRETS = ['SIM_OPENAI_KEY', 'SIM_ANTHROPIC_KEY', 'SIM_LOCAL_KEY', 'OPENAI_API_KEY', 'ERRAND_BOARD_PASSWORD'];
const PLANTED = Object.fromEntries(SECRETS.map((name) => [name, `planted-${name}-5d1f0c`]));

/** The body of a module in JavaScript: a tool with a union and `$ref`, and a tool that hangs beside a resource. */
const TOOLS = `
const orderNumber = { type: 'integer', minimum: 1 };
const lookupOrder = defineTool({
  name: 'lookup_order',
  description: 'Looks up an order.',
  class: 'read',
  parameters: {
    type: 'object',
    properties: {
      order: { anyOf: [{ $ref: '#/$defs/number' }, { type: 'object', properties: { number: { $ref: '#/$defs/number' } }, required: ['number'] }] },
    },
    required: ['order'],
    $defs: { number: orderNumber },
  },
  run: async ({ order }) => {
    const child = execFileSync('env', { encoding: 'utf8' }).split('\\n').map((line) => line.split('=')[0] ?? '');
    const names = [...Object.keys(process.env), ...child];
    return { order, shipped: 'on Monday', seen: names.filter((name) => /_KEY|PASSWORD|REDIS/.test(name)) };
  },
});
const hang = defineTool({
  name: 'hang',
  description: 'Returns once a desk was released.',
  class: 'read',
  parameters: { type: 'object' },
  run: async () => {
    while (!existsSync(join(desks, 'released'))) await new Promise((resolve) => setTimeout(resolve, 20));
    return 'went on';
  },
});
const desk = {
  kind: 'desk',
  outlivesProcess: true,
  release: async (ref) => {
    rmSync(join(desks, ref), { force: true });
    writeFileSync(join(desks, 'released'), '');
    return { evidence: 'verified', detail: 'the desk is gone' };
  },
};
const office = defineToolset({
  name: 'office',
  resources: [desk],
  tools: [hang],
  open: async ({ taskId, epoch, hold }) => {
    const ref = taskId + '.' + epoch;
    await hold({ desk: { kind: 'desk', ref, acquire: () => writeFileSync(join(desks, ref), '') } });
    return {};
  },
});
`;

/** An app of its own: the package, its modules of tools, and a program that starts a worker. */
let app: string;
let desks: string;
let simulator: Simulator;
beforeAll(async () => {
  app = mkdtempSync(join(tmpdir(), 'errand-app-'));
  desks = join(app, 'desks');
  const imports = `import { execFileSync } from 'node:child_process';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { defineTool, defineToolset } from 'errand/worker';
const desks = ${JSON.stringify(desks)};
`;
  const shop = "defineToolset({ name: 'shop', tools: [lookupOrder] })";
  const program = `import { createWorker } from 'errand/worker';
${imports}${TOOLS}
const worker = await createWorker({ toolsets: [${shop}] });
process.once('SIGTERM', async () => {
  await worker.drain();
  process.exit(0);
});
`;
  const files = {
    'package.json': '{ "type": "module" }',
    'tools/orders.mjs': `${imports}${TOOLS}\nexport default [${shop}, office];\n`,
    'tools/orders.ts': `${imports}
type Module = { default: unknown };
${TOOLS.replace('async (ref)', 'async (ref: string)').replace("evidence: 'verified'", "evidence: 'verified' as const")}
export default [${shop}, office] satisfies Module['default'][];
`,
    'app.mjs': program,
  };
  for (const folder of ['tools', 'desks']) mkdirSync(join(app, folder));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(app, name), text);
  [simulator] = await Promise.all([startSimulator(), installPackage(app)]);
}, 120_000);
afterAll(async () => {
  await simulator.close();
  rmSync(app, { recursive: true, force: true });
});

/** The workers of one prefix, and its producer. */
type Office = {
  producer: Producer;
  start: (program: string[], modules?: string[], name?: string) => Promise<Running>;
  errand: (...args: string[]) => Promise<Ended>;
};

const Held = z.looseObject({ kind: z.string(), ref: z.string(), worker: z.string() });

const CLI = 'node_modules/errand/dist/src/cli.js';

function anOffice(): Office {
  const prefix = freshPrefix();
  const env = {
    ...{ PATH: inject('path'), REDIS_URL: redisUrl(), ERRAND_PREFIX: prefix, ERRAND_LOCK_DURATION_MS: '1000' },
    ...{ ERRAND_HEALTH_PORT: '0', ERRAND_HEALTH_HOST: '127.0.0.1', ERRAND_DRAIN_GRACE_MS: '0' },
    ERRAND_PROVIDERS: JSON.stringify(simulatedProviders(simulator.url)),
    ...PLANTED,
  };
  const run = (program: string[], more: Record<string, string>) => {
    const child = spawn(process.execPath, program, { cwd: app, env: { ...env, ...more } });
    onTestFinished(() => void child.kill('SIGKILL'));
    return follow(child);
  };
  const settings = { prefix, providers: simulatedProviders(simulator.url) };
  const producer = createProducer({ redis: redisUrl(), settings });
  onTestFinished(async () => {
    await producer.close();
    for (const secret of Object.values(PLANTED)) await expectNoSecret(secret, { prefix });
  });
  return {
    producer,
    start: async (program, modules = [], name = 'worker') => {
      const worker = run(program, { ERRAND_TOOL_MODULES: JSON.stringify(modules), ERRAND_WORKER_NAME: name });
      await worker.says(/worker started/);
      return worker;
    },
    errand: (...args) => run([CLI, ...args], {}).ended,
  };
}

const outcomesOf = (producer: Producer, batchId: string): Promise<Outcome[]> =>
  Array.fromAsync(producer.outcomes(batchId));

describe('an app that installed the package uses its tool on all wires', () => {
  test.each<[string, string[], string[], string[]]>([
    ['tool_modules with .ts', [CLI, 'worker'], ['./tools/orders.ts'], []],
    ['tool_modules with .mjs', [CLI, 'worker'], ['./tools/orders.mjs'], []],
    ['createWorker', ['app.mjs'], [], ['REDIS_URL', ...SECRETS]],
  ])('by %s', async (_, program, modules, seen) => {
    const office = anOffice();
    const worker = await office.start(program, modules);
    const before = simulator.requests().length;
    const goal = 'When? [[sim: tool=lookup_order args={"order":{"number":7}}]] [[sim: text="On Monday."]]';
    const tasks = ['openai', 'anthropic', 'local'].map((provider) => ({ goal, provider, toolsets: ['shop'] }));
    const { batch_id } = await office.producer.enqueue({ tasks });
    await office.producer.settled(batch_id);
    const outcomes = await outcomesOf(office.producer, batch_id);
    for (const outcome of outcomes) {
      expect(outcome).toMatchObject({ status: 'succeeded', tool_calls: 1, answer: { text: 'On Monday.' } });
    }
    const sent = simulator.requests().slice(before);
    expect(sent.flatMap(toolProblems)).toEqual([]);
    const answered = sent.filter(({ body }) => body.includes('shipped'));
    expect(answered.map(({ wire }) => wire).toSorted()).toEqual(['chat', 'messages', 'responses']);
    for (const { body } of answered) {
      const [, names = ''] = /seen[\\"]*:\[(.*?)\]/.exec(body) ?? [];
      const found = [...new Set(names.match(/\w+/g))];
      expect(found.filter((name) => name === 'REDIS_URL' || name in PLANTED).toSorted()).toEqual(seen.toSorted());
    }
    worker.process.kill('SIGTERM');
    expect((await worker.ended).code).toBe(0);
  });
});

test('kill -9: a worker without the module leaves the row open, one with it releases', async () => {
  const { producer, start, errand } = anOffice();
  const modules = ['./tools/orders.ts'];
  const doomed = await start([CLI, 'worker'], modules, 'doomed');
  const goal = 'Sit. [[sim: tool=hang args={}]] [[sim: text="done"]]';
  const { batch_id } = await producer.enqueue({ goal, provider: 'local', toolsets: ['office'] });
  await expect.poll(() => simulator.requests().length > 0 && readdirSync(desks).length, { timeout: 10_000 }).toBe(1);
  doomed.process.kill('SIGKILL');
  await doomed.ended;
  const without = await start([CLI, 'worker'], [], 'without');
  await without.says(/no toolset of this worker has the resource kind/);
  const held = (await errand('leaks', '--json')).out.split('\n').filter(Boolean);
  const rows = held.map((line) => Held.parse(JSON.parse(line)));
  expect(rows).toMatchObject([{ kind: 'desk', ref: `${batch_id}-0.1`, worker: 'doomed' }]);
  expect(existsSync(join(desks, `${batch_id}-0.1`))).toBe(true);

  await start([CLI, 'worker'], modules, 'heir');
  await producer.settled(batch_id);
  const [outcome] = await outcomesOf(producer, batch_id);
  expect(outcome).toMatchObject({ status: 'succeeded', cleanup: { open: 0 } });
  const step = { row: `1.desk.${batch_id}-0.1`, status: 'released', evidence: 'verified' };
  expect(outcome?.cleanup.steps).toContainEqual(expect.objectContaining(step));
  expect(existsSync(join(desks, `${batch_id}-0.1`))).toBe(false);

  writeFileSync(join(app, 'batch.json'), JSON.stringify({ goal, provider: 'local', toolsets: ['offices'] }));
  const { code, err } = await errand('enqueue', 'batch.json');
  expect({ code, err }).toEqual({
    code: 2,
    err: expect.stringContaining('no live worker has the toolset "offices"; known: office, shop, workspace'),
  });
}, 60_000);
