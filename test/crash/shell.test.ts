import { expect, test } from 'vitest';
import { needBubblewrap } from '../helpers/bubblewrap.ts';
import { aDeployment } from '../helpers/deployment.ts';
import { startWorkerProcess } from '../helpers/process.ts';
import { pidsWith } from '../helpers/shell.ts';

const SHELL = { shell: { enabled: true } };

function command(line: string, more = ''): string {
  return `[[sim: tool=run_command args=${JSON.stringify({ command: line })}${more}]]`;
}

function taskOf(...steps: string[]) {
  return { goal: `Do it. ${steps.join(' ')} [[sim: text="done"]]`, provider: 'local', toolsets: ['shell'] };
}

test('kill -9 leaves no process of a command, which is not repeated; the model is told', async () => {
  await needBubblewrap();
  const marker = `6${Math.random().toString().slice(2, 9)}`;
  const deployment = await aDeployment({ settings: SHELL });
  const { producer, startWorker, outcomesOf, simulator } = deployment;
  const doomed = await startWorkerProcess(deployment, { name: 'doomed' });
  const write = '[[sim: tool=write_file args={"path":"kept","content":"k"}]]';
  const edit = '[[sim: tool=edit_file args={"path":"made","old_text":"m","new_text":"n"}]]';
  const hang = command(`trap "" TERM; setsid nohup sleep ${marker} & sleep ${marker}; sleep ${marker}`);
  const steps = [write, command('echo m > made'), edit, hang, command('ls')];
  const { batch_id } = await producer.enqueue(taskOf(...steps));
  await expect.poll(() => pidsWith(`sleep\0${marker}`).length).toBeGreaterThan(1);
  doomed.process.kill('SIGKILL');
  await doomed.exited;

  await startWorker({ name: 'heir' });
  await producer.settled(batch_id);
  expect(pidsWith(marker)).toEqual([]);
  const [outcome] = await outcomesOf(batch_id);
  expect(outcome).toMatchObject({
    status: 'succeeded',
    answer: { files: [{ path: 'kept', text: 'k' }] },
    attempts: [{ worker: 'doomed', ended: 'lost' }, { worker: 'heir' }],
    interrupted_effects: [{ tool: 'run_command' }],
    notes: [
      'an earlier attempt was interrupted: what run_command made or changed in the workspace was lost, unless a later call made it again',
      'repeated calls that then had another result than before:\nedit_file: edit_file failed: there is no file "made"',
    ],
  });
  const rows = outcome?.cleanup.steps.filter(({ kind }) => kind === 'process');
  expect(rows).toMatchObject([
    { status: 'released', evidence: 'verified', row: '1.process.shell' },
    { status: 'released', evidence: 'verified', row: '2.process.shell', actor: 'owner' },
  ]);
  const told = simulator.requests().at(-1)?.body ?? '';
  expect(told).toContain('Outcome unknown');
  expect(told).toContain('What run_command made or changed in the workspace is gone');
});

test('a cancelled task leaves no process of its command', async () => {
  await needBubblewrap();
  const marker = `7${Math.random().toString().slice(2, 9)}`;
  const { producer, startWorker, outcomesOf } = await aDeployment({ settings: SHELL });
  await startWorker();
  const { batch_id } = await producer.enqueue(taskOf(command(`trap "" TERM; sleep ${marker}; sleep ${marker}`)));
  await expect.poll(() => pidsWith(`sleep\0${marker}`).length).toBeGreaterThan(0);
  await producer.cancel(batch_id);
  await producer.settled(batch_id);
  expect(pidsWith(marker)).toEqual([]);
  expect(await outcomesOf(batch_id)).toMatchObject([{ status: 'cancelled', cleanup: { open: 0 } }]);
});

test('without a sandbox, each outcome says so', async () => {
  const { producer, startWorker, outcomesOf } = await aDeployment({
    settings: { shell: { enabled: true, sandbox: 'none' } },
  });
  await startWorker();
  const { batch_id } = await producer.enqueue(taskOf(command('echo $PWD > here')));
  await producer.settled(batch_id);
  const [outcome] = await outcomesOf(batch_id);
  expect(outcome).toMatchObject({
    status: 'succeeded',
    answer: { files: [{ path: 'here' }] },
    notes: ['commands ran without a sandbox (shell.sandbox: none)'],
  });
});

test('a worker whose machine has no bwrap does not start, and says what to do', async () => {
  const deployment = await aDeployment({ settings: SHELL });
  const start = startWorkerProcess(deployment, {}, { env: { PATH: '/nowhere' } });
  await expect(start).rejects.toThrow(
    /CONFIG_INVALID[\s\S]*sandbox "bwrap" does not work here: cannot start bwrap: No such file/,
  );
});

test('a worker without shell.enabled has no shell, and no own toolset takes the name', async () => {
  const { producer, startWorker } = await aDeployment();
  await startWorker();
  await expect(producer.enqueue(taskOf())).rejects.toMatchObject({
    problems: [{ message: expect.stringContaining('shell') }],
  });
  const own = { name: 'shell', restores: false, resources: [], tools: [], open: async () => ({ tools: [] }) };
  await expect(startWorker({}, {}, [], [own])).rejects.toMatchObject({
    problems: [{ path: 'toolsets.0.name', message: expect.stringContaining('built-in toolset') }],
  });
});
