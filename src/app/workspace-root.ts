import { access, constants, mkdir } from 'node:fs/promises';
import { ErrandError, messageOf } from '../errors.ts';

/**
 * Makes the directory of the workspaces.
 *
 * @throws ErrandError `CONFIG_INVALID`: every task with files would fail on such a worker.
 */
export async function makeWorkspaceRoot(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true });
    await access(path, constants.W_OK | constants.X_OK);
  } catch (error) {
    const message = `worker.workspace_root: cannot be made or written: ${messageOf(error)}`;
    const remedy = 'Set it, or ERRAND_WORKSPACE_ROOT, to a directory that this worker can write.';
    throw new ErrandError('CONFIG_INVALID', message, { cause: error, remedy });
  }
}
