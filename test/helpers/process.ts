import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished } from 'vitest';
import type { Deployment } from './deployment.ts';
import type { MomentName } from './moments.ts';

/** A worker in a process of its own, taking tasks. */
export type WorkerProcess = { process: ChildProcess; output: () => string; exited: Promise<number | null> };

/** Starts a worker of the deployment in a process of its own; it is killed with the test if it still runs. */
export async function startWorkerProcess(
  deployment: Deployment,
  worker: Record<string, unknown> = {},
  { fixture = 'worker.ts', env: extra = {} }: { fixture?: string; env?: Record<string, string> } = {},
): Promise<WorkerProcess> {
  const settings = {
    ...deployment.settings,
    worker: { health_port: 0, health_host: '127.0.0.1', workspace_root: deployment.workspaceRoot, ...worker },
  };
  const program = fileURLToPath(new URL(`../fixtures/${fixture}`, import.meta.url));
  const env = { PATH: process.env.PATH, ...deployment.environment, ...extra };
  const child = fork(program, [JSON.stringify(settings)], { env, stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk) => {
      output += chunk;
      deployment.logs.push(String(chunk));
    });
  }
  const exited = once(child, 'exit').then(([code]) => code as number | null);
  onTestFinished(async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
    await exited;
  });
  const ready = await Promise.race([once(child, 'message').then(() => true), exited.then(() => false)]);
  if (!ready) throw new Error(`the worker ended before it was ready: ${output}`);
  return { process: child, output: () => output, exited };
}

/** A worker that stops itself at moments of an attempt. */
export type StoppingWorker = WorkerProcess & {
  /** Resolves once it has stopped at this moment. */
  stoppedAt: (moment: MomentName) => Promise<void>;
  /** Lets the worker continue. */
  goOn: () => void;
};

/**
 * Starts a worker in a process of its own that stops itself the first time an attempt comes to each of these moments.
 */
export async function startStoppingWorker(deployment: Deployment, ...moments: MomentName[]): Promise<StoppingWorker> {
  const fixture = { fixture: 'stopping-worker.ts', env: { ERRAND_STOP_AT: moments.join() } };
  const worker = await startWorkerProcess(deployment, {}, fixture);
  return {
    ...worker,
    stoppedAt: (moment) => expect.poll(worker.output).toContain(`stopped at ${moment}\n`),
    goOn: () => void worker.process.kill('SIGCONT'),
  };
}
