import { access, constants, mkdir } from 'node:fs/promises';
import { systemFaultText } from '../contract/system-fault.ts';
import { ErrandError } from '../errors.ts';

/**
 * Creates the directory of the workspaces.
 *
 * @throws ErrandError `CONFIG_INVALID` if it cannot be created or written: every task with files would fail on this
 * worker.
 */
export async function makeWorkspaceRoot(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true });
    await access(path, constants.W_OK | constants.X_OK);
  } catch (error) {
    const message = `worker.workspace_root: ${path} cannot be created or written: ${systemFaultText(error)}`;
    const remedy = 'Set worker.workspace_root or ERRAND_WORKSPACE_ROOT to a directory that this worker can write.';
    throw new ErrandError('CONFIG_INVALID', message, { cause: error, remedy });
  }
}
