import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { aDeployment } from '../helpers/deployment.ts';
import { startWorkerProcess } from '../helpers/process.ts';
import { turnsReached } from '../helpers/requests.ts';

function call(tool: string, args: object, more = ''): string {
  return `[[sim: tool=${tool} args=${JSON.stringify(args)}${more}]]`;
}

test('after kill -9, each edit, append and delete is made again once', async () => {
  const deployment = await aDeployment();
  const { producer, simulator, startWorker, outcomesOf } = deployment;
  const doomed = await startWorkerProcess(deployment, { name: 'doomed' });
  const steps = [
    call('write_file', { path: 'old/draft', content: 'x' }),
    call('append_file', { path: 'log', content: 'one\n' }),
    call('append_file', { path: 'log', content: 'one\n' }, ' parallel'),
    call('edit_file', { path: 'log', old_text: 'one\none', new_text: 'one\ntwo' }),
    call('edit_file', { path: 'log', old_text: 'absent', new_text: 'x' }, ' parallel'),
    call('delete_file', { path: 'old/draft' }),
    call('append_file', { path: 'log', content: 'three\n' }),
    call('edit_file', { path: 'log', old_text: 'three', new_text: '3' }, ' parallel'),
  ];
  const goal = `Keep a log. ${steps.join(' ')} [[sim: turn=6 hang=headers times=1]] [[sim: text="done"]]`;
  const inLastTurn = turnsReached(simulator, 6, 1);
  const { batch_id } = await producer.enqueue({ goal, provider: 'local', toolsets: ['workspace'] });
  await inLastTurn;
  doomed.process.kill('SIGKILL');
  await doomed.exited;

  await startWorker({ name: 'heir' });
  await producer.settled(batch_id);
  const [outcome] = await outcomesOf(batch_id);
  expect(outcome).toMatchObject({
    status: 'succeeded',
    answer: { text: 'done', files: [{ path: 'log', text: 'one\ntwo\n3\n' }] },
    attempts: [{ worker: 'doomed', ended: 'lost' }, { worker: 'heir' }],
  });
});

/** `render` makes a file, and its calls are not repeated. `peek` does not require the workspace, so it has none. */
const MODULE = `
const tool = (name, ofClass, run) => ({ definition: { name, description: name, parameters: { type: 'object' } }, class: ofClass, run });
const toolset = (name, requires, tools) => ({ name, restores: false, resources: [], requires, tools, open: async () => ({ tools }) });
export default [
  toolset('reports', ['workspace'], [
    tool('render', 'idempotent', async (_, { session }) => String(await session.workspace.write('report', 'rendered '))),
  ]),
  toolset('spy', [], [tool('peek', 'read', async (_, { session }) => String(session.workspace))]),
];
`;

test('after kill -9, the model and the outcome say what tools made and is gone', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'errand-tools-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  await writeFile(join(folder, 'reports.mjs'), MODULE);
  const deployment = await aDeployment({ settings: { tool_modules: [join(folder, 'reports.mjs')] } });
  const { producer, simulator, outcomesOf } = deployment;
  const doomed = await startWorkerProcess(deployment, { name: 'doomed' });
  const steps = [
    call('render', {}),
    call('append_file', { path: 'report', content: 'twice' }),
    call('edit_file', { path: 'report', old_text: 'rendered', new_text: 'printed' }),
    call('write_file', { path: 'note', content: 'n' }),
    call('peek', {}),
    call('read_file', { path: 'report' }, ' parallel'),
    call('list_files', {}),
  ];
  const goal = `Report. ${steps.join(' ')} [[sim: turn=6 hang=headers times=1]] [[sim: text="done"]]`;
  const inTurn = turnsReached(simulator, 6, 1);
  const toolsets = ['reports', 'spy', 'workspace'];
  const { batch_id } = await producer.enqueue({ goal, provider: 'local', toolsets });
  await inTurn;
  doomed.process.kill('SIGKILL');
  await doomed.exited;

  await startWorkerProcess(deployment, { name: 'heir' });
  await producer.settled(batch_id);
  const [outcome] = await outcomesOf(batch_id);
  const differing =
    'append_file: report has 5 bytes now.\nedit_file: edit_file failed: old_text was found 0 times; expected a text of the file, with its exact spaces and line breaks';
  expect(outcome).toMatchObject({
    status: 'succeeded',
    answer: { files: [{ path: 'note' }, { path: 'report', text: 'twice' }] },
    attempts: [{ worker: 'doomed', ended: 'lost' }, { worker: 'heir' }],
    notes: [
      'an earlier attempt was interrupted: what render made or changed in the workspace was lost, unless a later call made it again',
      `repeated calls that then had another result than before:\n${differing}`,
    ],
  });
  const [before, first, last] = simulator
    .requests()
    .slice(-3)
    .map(({ body }) => JSON.parse(body).messages);
  expect(JSON.stringify(before)).not.toContain('was interrupted');
  expect(first.at(-2).content).toBe(
    `An earlier attempt of this task was interrupted. What render made or changed in the workspace is gone, and no such call was repeated. Make it again if you need it. These calls of other tools depended on it. Repeated without it, each had another result than before:\n${differing}\n\nundefined`,
  );
  expect(first.at(-1).content).toBe('twice');
  expect(last.slice(0, first.length)).toEqual(first);
  expect(last.at(-1).content).not.toContain('was interrupted');
});
