import { spawnSync } from 'node:child_process';
import { mkdtemp, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/**
 * Mounts a real disk of a few KiB until the test ends; `inodes` is how many files and folders it can hold, its own root
 * included.
 * @returns its path, or `null` if this process may not mount.
 */
export async function aSmallDisk(kib: number, inodes = 1000): Promise<string | null> {
  const path = await mkdtemp(join(tmpdir(), 'errand-disk-'));
  const options = `size=${kib}k,nr_inodes=${inodes},mode=700`;
  const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'errand-test', path]);
  onTestFinished(async () => {
    if (status === 0) spawnSync('umount', ['--lazy', path]);
    await rmdir(path);
  });
  return status === 0 ? path : null;
}

/** Why a test with a small disk is skipped. */
export const CANNOT_MOUNT = 'this process may not mount a tmpfs; run the test as root, with CAP_SYS_ADMIN';
