import { execFile } from 'node:child_process';
import { lstat, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Released, ResourceKind } from '../../agent/resource.ts';
import type { Deployment } from '../../base/deployment.ts';
import { clip, oneLine } from '../../base/text.ts';

const execute = promisify(execFile);
const SYSTEM = { PATH: '/usr/bin:/bin' };

/** Returns the directory of one attempt. A row that names another directory is not released. */
export function workspacePathOf(
  { workspaceRoot }: Pick<Deployment, 'workspaceRoot'>,
  taskId: string,
  epoch: number,
): string {
  return join(workspaceRoot, `${taskId}.${epoch}`);
}

/** The directory of an attempt: released by removing it. It outlives the process that made it. */
export function workspaceKind(deployment: Pick<Deployment, 'workspaceRoot'>): ResourceKind {
  return {
    kind: 'workspace',
    outlivesProcess: true,
    doubt: ({ taskId, epoch, ref }) => {
      if (ref === workspacePathOf(deployment, taskId, epoch)) return null;
      return 'its path is not the directory of its task and epoch in worker.workspace_root';
    },
    release: removeDirectory,
  };
}

/** The codes of a removal that fails because of what commands may leave. */
const LEFT_BY_COMMANDS: ReadonlySet<string> = new Set(['EACCES', 'EPERM', 'ENAMETOOLONG', 'ENOTEMPTY']);

/** Removes what commands may leave: folders without rights, and paths longer than the kernel takes at once. */
async function removeStubborn(path: string): Promise<void> {
  await execute('chmod', ['-R', 'u+rwX', '--', path], { env: SYSTEM }).catch(() => undefined);
  await execute('rm', ['-rf', '--', path], { env: SYSTEM }).catch((error: Error) => {
    throw new Error(`it cannot be removed: ${clip(oneLine(error.message), 400)}`, { cause: error });
  });
}

/** Never follows a link: `rm` removes a link itself, and a link in place of the directory is left alone. */
async function removeDirectory(path: string): Promise<Released> {
  const found = await lstat(path).catch(() => null);
  if (found && !found.isDirectory())
    return { evidence: 'unknown', detail: 'the path is a link or a file, not a directory' };
  await rm(path, { recursive: true, force: true, maxRetries: 2 }).catch((error: NodeJS.ErrnoException) => {
    if (LEFT_BY_COMMANDS.has(error.code ?? '')) return removeStubborn(path);
    // If a part of the path is a file, nothing can be below it.
    if (error.code !== 'ENOTDIR') throw error;
  });
  const isThere = await lstat(path).then(
    () => true,
    () => false,
  );
  if (isThere) return { evidence: 'unknown', detail: 'the directory is still there' };
  return { evidence: 'verified', detail: 'the directory is gone' };
}
