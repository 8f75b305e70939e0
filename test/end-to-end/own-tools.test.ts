import { appendFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Queue } from 'bullmq';
import { describe, expect, onTestFinished, test } from 'vitest';
import { taskIdOf } from '../../src/base/ids.ts';
import { createWorker, defineTool, defineToolset, ToolReply, type Toolset } from '../../src/entries/worker.ts';
import { acmeCalls, acmeToolset, hasDesk } from '../helpers/acme-toolset.ts';
import { aDeployment, type Deployment } from '../helpers/deployment.ts';
import { anImage } from '../helpers/images.ts';
import { startWorkerProcess } from '../helpers/process.ts';
import { openRedis } from '../helpers/redis.ts';

const ALL_TOOLS = '[[sim: tool=look args={}]] [[sim: tool=put args={}]] [[sim: tool=send args={}]]';
const SHORT = { tasks: { backoff_ms: 20, version_wait_ms: 300 } };

async function aFolder(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'errand-acme-'));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

/** The tools that ran, each with the number of its attempt. */
async function ran(dir: string): Promise<string[]> {
  return (await acmeCalls(dir)).map(([epoch, tool]) => `${epoch} ${tool}`);
}

function openLane({ prefix }: Deployment): Queue {
  const queue = new Queue('tasks-local', { connection: openRedis(), prefix, skipMetasUpdate: true });
  onTestFinished(() => queue.close());
  return queue;
}

function aTask(goal: string, toolsets: string[] = ['acme']) {
  return { goal: `${goal} [[sim: text="done"]]`, provider: 'local', toolsets };
}

test('tools of each class run, with a call id that is the same in every attempt', async () => {
  const dir = await aFolder();
  const deployment = await aDeployment({ toolsets: [acmeToolset({ dir })] });
  await deployment.startWorker();
  const { batch_id } = await deployment.producer.enqueue(aTask(ALL_TOOLS));
  expect((await deployment.producer.settled(batch_id)).counts.succeeded).toBe(1);
  const taskId = taskIdOf(batch_id, 0);
  expect(await acmeCalls(dir)).toEqual([
    ['1', 'look', `${taskId}/1.1`],
    ['1', 'put', `${taskId}/2.1`],
    ['1', 'send', `${taskId}/3.1`],
  ]);
});

test('an own resource is released by its attempt, and its files are in the answer', async () => {
  const dir = await aFolder();
  const deployment = await aDeployment({ toolsets: [acmeToolset({ dir })] });
  await deployment.startWorker();
  const { batch_id } = await deployment.producer.enqueue(aTask('Sit down'));
  await deployment.producer.settled(batch_id);
  const [outcome] = await deployment.outcomesOf(batch_id);
  expect(outcome).toMatchObject({
    needs: 2,
    answer: { files: [{ path: 'desk.txt', text: 'tidy' }] },
    cleanup: { open: 0 },
  });
  const desk = { kind: 'desk', status: 'released', evidence: 'verified', actor: 'owner', detail: 'the desk is gone' };
  expect(outcome?.cleanup.steps.at(-1)).toMatchObject(desk);
  expect(await hasDesk(dir, taskIdOf(batch_id, 0), 1)).toBe(false);
});

test('after kill -9 an interrupted effect is not repeated; idempotent results count', async () => {
  const dir = await aFolder();
  const deployment = await aDeployment({ toolsets: [acmeToolset({ dir })] });
  const { producer, simulator, startWorker, outcomesOf } = deployment;
  const env = { ACME_DIR: dir, ACME_HANGS_AT: 'send' };
  const doomed = await startWorkerProcess(deployment, { name: 'doomed' }, { fixture: 'acme-worker.ts', env });
  const { batch_id } = await producer.enqueue(aTask(ALL_TOOLS));
  await expect.poll(() => ran(dir), { timeout: 30_000 }).toContain('1 send');
  expect(await hasDesk(dir, taskIdOf(batch_id, 0), 1)).toBe(true);
  doomed.process.kill('SIGKILL');
  await doomed.exited;
  await startWorker({ name: 'heir' });
  expect((await producer.settled(batch_id)).counts.succeeded).toBe(1);
  expect(await ran(dir)).toEqual(['1 look', '1 put', '1 send']);
  expect(simulator.requests().at(-1)?.body).toContain('Outcome unknown');

  const [outcome] = await outcomesOf(batch_id);
  expect(outcome).toMatchObject({ interrupted_effects: [{ tool: 'send' }], cleanup: { open: 0 } });
  expect(outcome?.cleanup.steps).toContainEqual(
    expect.objectContaining({
      row: `1.desk.${taskIdOf(batch_id, 0)}.1`,
      status: 'released',
      actor: expect.stringMatching(/reclaim|boot_sweep/),
    }),
  );
  expect(await hasDesk(dir, taskIdOf(batch_id, 0), 1)).toBe(false);
});

test('after kill -9 a toolset that restores is opened, then repeats idempotent calls', async () => {
  const dir = await aFolder();
  const deployment = await aDeployment({ toolsets: [acmeToolset({ dir })] });
  const { producer, startWorker } = deployment;
  const env = { ACME_DIR: dir, ACME_HANGS_AT: 'send' };
  const doomed = await startWorkerProcess(deployment, { name: 'doomed' }, { fixture: 'acme-worker.ts', env });
  const { batch_id } = await producer.enqueue(aTask(ALL_TOOLS));
  await expect.poll(() => ran(dir), { timeout: 30_000 }).toContain('1 send');
  doomed.process.kill('SIGKILL');
  await doomed.exited;
  const acme = acmeToolset({ dir, restores: true });
  const opening: Toolset = {
    ...acme,
    open: async (session) => {
      await appendFile(join(dir, 'calls'), `${session.epoch} open -\n`);
      return acme.open(session);
    },
  };
  await startWorker({ name: 'heir' }, undefined, [], [opening]);
  expect((await producer.settled(batch_id)).counts.succeeded).toBe(1);
  expect(await ran(dir)).toEqual(['1 look', '1 put', '1 send', '2 open', '2 put']);
  const places = (await acmeCalls(dir)).filter(([, tool]) => tool === 'put').map(([, , callId]) => callId);
  expect(places).toEqual(Array(2).fill(`${taskIdOf(batch_id, 0)}/2.1`));
});

describe('a tool policy', () => {
  test.each<[string, Record<string, unknown>, object]>([
    ['of the deployment', { tool_policy: { 's*': 'deny' } }, { tool_policy: { send: 'allow' } }],
    ['of a task', {}, { tool_policy: { '*': 'allow', send: 'deny' } }],
  ])('%s: a denied tool does not run, and the outcome counts its calls [B44]', async (_, settings, task) => {
    const dir = await aFolder();
    const deployment = await aDeployment({ toolsets: [acmeToolset({ dir })], settings });
    const { producer, simulator, startWorker, outcomesOf } = deployment;
    await startWorker();
    const { batch_id } = await producer.enqueue({ ...aTask(ALL_TOOLS), ...task });
    expect((await producer.settled(batch_id)).counts.succeeded).toBe(1);
    expect(await ran(dir)).toEqual(['1 look', '1 put']);
    expect(simulator.requests().map(({ tool_count }) => tool_count)).toEqual([2, 2, 2, 2]);
    expect(simulator.requests().at(-1)?.body).toContain('The tool policy denies send. It did not run');
    const [outcome] = await outcomesOf(batch_id);
    expect(outcome?.notes).toEqual(['the tool policy denied 1 call of send']);
    expect(outcome).not.toHaveProperty('interrupted_effects');
  });

  test('that does not fit is refused with index and path', async () => {
    const { producer } = await aDeployment();
    const many = Object.fromEntries(Array.from({ length: 101 }, (_, at) => [`t${at}`, 'deny']));
    const tasks = [{ look: 'ask' }, { 'a b': 'deny' }, many].map((tool_policy) => ({
      ...aTask('Go', []),
      tool_policy,
    }));
    const refused = producer.enqueue({ tasks } as never);
    await expect(refused).rejects.toMatchObject({
      code: 'BATCH_INVALID',
      problems: [
        { index: 0, path: 'tasks[0].tool_policy.look', message: expect.stringContaining('allow') },
        { index: 1, path: 'tasks[1].tool_policy.a b', message: expect.stringContaining('the name of a tool') },
        { index: 2, path: 'tasks[2].tool_policy', message: expect.stringContaining('at most 100 patterns') },
      ],
    });
  });
});

test('images of a tool reach the model, also when it asks again', async () => {
  const image = anImage('image/png');
  const parameters = { type: 'object' } as const;
  const run = () => new ToolReply({ text: 'The page.', images: [image] });
  const snap = defineTool({ name: 'snap', description: 'Snaps.', class: 'effect', parameters, run });
  const deployment = await aDeployment({ toolsets: [defineToolset({ name: 'acme', tools: [snap] })] });
  const { producer, simulator, startWorker } = deployment;
  await startWorker();
  const { batch_id } = await producer.enqueue(aTask('[[sim: tool=snap args={}]] [[sim: tool=snap args={"a":1}]]'));
  expect((await producer.settled(batch_id)).counts.succeeded).toBe(1);
  expect(simulator.requests().map(({ body }) => body.split(image.data).length - 1)).toEqual([0, 1, 2]);
});

describe('a fault of a toolset', () => {
  function aFailing(open: () => Promise<object>): Toolset {
    return defineToolset({ name: 'acme', open });
  }

  test.each<[string, Toolset, string]>([
    ['throws', aFailing(() => Promise.reject(new Error('no such host'))), 'toolset "acme": no such host'],
    [
      'returns a tool that is none',
      aFailing(async () => ({ tools: [{}] })),
      'toolset "acme": open returned an invalid tools.0.name: expected a name of letters, digits, "-" and "_", at most 64, got undefined',
    ],
    [
      'asks for a kind that it does not declare',
      {
        ...aFailing(async () => ({})),
        open: async ({ hold }) => {
          await hold({ it: { kind: 'client', ref: 'x', acquire: () => undefined } });
          return { tools: [] };
        },
      },
      'toolset "acme": toolset "acme" does not declare the resource kind "client"',
    ],
  ])('that %s fails the task after its tries, by name', async (_, toolset, message) => {
    const deployment = await aDeployment({ toolsets: [toolset], settings: { tasks: { tries: 1 } } });
    await deployment.startWorker();
    const { batch_id } = await deployment.producer.enqueue(aTask('Begin'));
    await deployment.producer.settled(batch_id);
    const [outcome] = await deployment.outcomesOf(batch_id);
    expect(outcome).toMatchObject({ status: 'failed', failure: { code: 'TOOLSET_UNAVAILABLE', message } });
  });
});

describe('the name of a toolset', () => {
  test('that no live worker has is refused with its path, before anything is enqueued', async () => {
    const dir = await aFolder();
    const deployment = await aDeployment({ toolsets: [acmeToolset({ dir })] });
    await deployment.startWorker();
    const refused = deployment.producer.enqueue({ tasks: [aTask('One'), aTask('Two', ['workspace', 'acne'])] });
    await expect(refused).rejects.toMatchObject({
      code: 'BATCH_INVALID',
      problems: [
        {
          index: 1,
          path: 'tasks[1].toolsets.1',
          message: 'no live worker has the toolset "acne"; known: acme, workspace',
        },
      ],
    });
  });

  test('is accepted with a warning if no worker is alive, and waits for one with it', async () => {
    const dir = await aFolder();
    const deployment = await aDeployment();
    const { batch_id, warnings } = await deployment.producer.enqueue(aTask('Wait'));
    expect(warnings).toContainEqual(expect.stringContaining('"acme" was not checked, because no worker is alive'));
    await deployment.startWorker({ name: 'without' });
    const job = () => openLane(deployment).getJob(taskIdOf(batch_id, 0));
    await expect.poll(async () => (await job())?.getState(), { timeout: 20_000 }).toBe('delayed');
    await deployment.startWorker({ name: 'with' }, undefined, [], [acmeToolset({ dir })]);
    expect((await deployment.producer.settled(batch_id)).counts.succeeded).toBe(1);
    expect((await deployment.outcomesOf(batch_id))[0]?.attempts).toMatchObject([{ epoch: 1, worker: 'with' }]);
    expect(await job()).toMatchObject({ attemptsMade: 1, data: { needs: 2 } });
  });

  test('that no worker of the lane has fails the task in the end', async () => {
    const deployment = await aDeployment({ settings: SHORT });
    const { batch_id } = await deployment.producer.enqueue({ tasks: [aTask('Wait'), aTask('Go', ['workspace'])] });
    await deployment.startWorker();
    expect((await deployment.producer.settled(batch_id)).counts).toMatchObject({ failed: 1, succeeded: 1 });
    const message = expect.stringMatching(/^no worker that serves lane "local" has the toolset acme; waited/);
    const [waited] = await deployment.outcomesOf(batch_id);
    expect(waited).toMatchObject({ attempts: [], failure: { code: 'TOOLSET_UNSERVED', message } });
    const lines = (await openLane(deployment).getJobLogs(taskIdOf(batch_id, 0))).logs.join('\n');
    expect(lines).toContain('waits for a worker with toolset acme');
  });

  test('that another toolset requires and no worker has fails the task in the end', async () => {
    const acme = defineToolset({ name: 'acme', requires: ['other', 'shell'] });
    const other = defineToolset({ name: 'other', requires: ['acme'] });
    const deployment = await aDeployment({ toolsets: [acme, other], settings: SHORT });
    const { batch_id } = await deployment.producer.enqueue(aTask('Wait'));
    await deployment.startWorker();
    await deployment.producer.settled(batch_id);
    const message = expect.stringMatching(/^no worker that serves lane "local" has the toolsets acme, shell; waited/);
    const [outcome] = await deployment.outcomesOf(batch_id);
    expect(outcome).toMatchObject({ attempts: [], failure: { code: 'TOOLSET_UNSERVED', message } });
  });

  test('that is built in changes nothing in the job', async () => {
    const deployment = await aDeployment();
    const { batch_id } = await deployment.producer.enqueue(aTask('Plain', ['workspace']));
    const job = await openLane(deployment).getJob(taskIdOf(batch_id, 0));
    expect(job?.data).not.toHaveProperty('needs');
  });
});

describe('createWorker refuses toolsets that do not fit, by index and field:', () => {
  const tool = defineTool({
    name: 'look',
    description: 'Looks.',
    class: 'read',
    parameters: { type: 'object' },
    run: () => 'seen',
  });
  const good = defineToolset({ name: 'acme', tools: [tool] });
  const throwing = {
    get name() {
      throw new Error('no name');
    },
  };
  const kind = { kind: 'desk', outlivesProcess: false, release: async () => ({ evidence: 'implied', detail: '' }) };

  test.each<[string, unknown[], string]>([
    ['no toolset', [null], 'toolsets.0: expected a toolset made by defineToolset, got null'],
    ['a name with a space', [{ ...good, name: 'a b' }], 'toolsets.0.name: expected a name of lower-case letters'],
    ['a built-in name', [{ ...good, name: 'workspace' }], 'toolsets.0.name: expected a unique name'],
    [
      'a name that is off here',
      [{ ...good, name: 'http' }],
      'toolsets.0.name: expected a name that is not of a built-in',
    ],
    ['a name of Hermes', [{ ...good, name: 'terminal' }], 'toolsets.0.name: expected a name that is not a toolset of'],
    [
      'a name twice',
      [good, { ...good, tools: [] }],
      'toolsets.1.name: expected a unique name; "acme" is already in use',
    ],
    ['a tool twice', [good, { ...good, name: 'b' }], 'toolsets.1.tools.0.name: expected a unique name; "look" is'],
    [
      'a tool that begins as those of an MCP server',
      [{ ...good, tools: [{ ...tool, definition: { ...tool.definition, name: 'wiki__look' } }] }],
      'toolsets.0.tools.0.name: expected a name that does not begin as the tools of an MCP server do (wiki__)',
    ],
    ['a class', [{ ...good, tools: [{ ...tool, class: 'x' }] }], 'toolsets.0.tools.0.class: expected one of read,'],
    ['a run', [{ ...good, tools: [{ ...tool, run: 1 }] }], 'toolsets.0.tools.0.run: expected a function, got 1'],
    [
      'a limit',
      [{ ...good, tools: [{ ...tool, limitMs: 0 }] }],
      'toolsets.0.tools.0.limitMs: expected a number of ms above 0, got 0',
    ],
    ['a class in a list', [{ ...good, tools: [{ ...tool, class: ['effect'] }] }], 'class: expected one of read,'],
    [
      'a built-in kind',
      [{ ...good, resources: [{ ...kind, kind: 'client' }] }],
      'toolsets.0.resources.0.kind: expected',
    ],
    ['a fault code', [{ ...good, faultCode: 'ACME' }], 'toolsets.0.faultCode: expected a failure code, got "ACME"'],
    ['a row name', [{ ...good, resources: [{ ...kind, rowName: 'x' }] }], 'resources.0.rowName: expected a function'],
    ['a field that throws', [good, throwing], 'toolsets.1: expected fields that can be read, got an error: no name'],
    ['a release', [{ ...good, resources: [{ ...kind, release: 0 }] }], 'toolsets.0.resources.0.release: expected a'],
  ])('%s', async (_, toolsets, message) => {
    const settings = { mcp: { wiki: { command: ['wiki'] } } };
    const refused = createWorker({ toolsets: toolsets as Toolset[], settings });
    await expect(refused).rejects.toMatchObject({ code: 'CONFIG_INVALID', message: expect.stringContaining(message) });
  });
});

const manyFiles = Array.from({ length: 200_000 }, (_, at) => ({ path: `f${at}`, bytes: 1 }));

test.each<[string, { path: string; bytes: number }[], string]>([
  ['too many files', manyFiles, 'expected at most 100000 files, got 200000'],
  ['a path that leaves the folder', [{ path: '../passwd', bytes: 1 }], 'files[0]: expected a relative path'],
  ['a size below 0', [{ path: 'a', bytes: -1 }], 'files[0]: expected a relative path without .. of at most 4096'],
])('a toolset that leaves %s fails its task with the reason, and nothing stays open', async (_, files, reason) => {
  const toolset = defineToolset({ name: 'acme', open: async () => ({ collect: async () => files }) });
  const deployment = await aDeployment({ toolsets: [toolset], settings: SHORT });
  await deployment.startWorker();
  const { batch_id } = await deployment.producer.enqueue(aTask('Leave files'));
  await deployment.producer.settled(batch_id);
  const [outcome] = await deployment.outcomesOf(batch_id);
  expect(outcome).toMatchObject({ status: 'failed', failure: { code: 'TOOLSET_UNAVAILABLE' }, cleanup: { open: 0 } });
  expect(JSON.stringify(outcome)).toContain(reason);
});

test('notes that reject are told as not kept, and the worker goes on', async () => {
  const notes = (async () => {
    throw new Error('no notes');
  }) as unknown as () => string[];
  const toolset = defineToolset({ name: 'acme', open: async () => ({ notes }) });
  const deployment = await aDeployment({ toolsets: [toolset], settings: SHORT });
  await deployment.startWorker();
  const { batch_id } = await deployment.producer.enqueue(aTask('Take notes'));
  expect((await deployment.producer.settled(batch_id)).counts.succeeded).toBe(1);
  const [outcome] = await deployment.outcomesOf(batch_id);
  expect(outcome?.notes).toEqual(['the notes of toolset "acme" were not kept: expected an array of sentences']);
});
