import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

const APT = 'DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=120';
const INSTALL = `${APT} install -y --no-install-recommends bubblewrap`;
const SCRIPT = `command -v bwrap || ${INSTALL} || { ${APT} update && ${INSTALL}; }`;

/**
 * Makes sure that `bwrap` is installed, as root on Debian or Ubuntu by installing it. Throws if it is missing: a test of
 * the sandbox must not be skipped.
 */
export async function needBubblewrap(): Promise<void> {
  if (process.getuid?.() === 0 && existsSync('/etc/debian_version'))
    await run('flock', [join(tmpdir(), 'errand-test-bubblewrap.lock'), 'sh', '-c', SCRIPT]);
  await run('bwrap', ['--version']).catch((cause) => {
    throw new Error('the tests of the sandbox need bubblewrap: apt-get install bubblewrap', { cause });
  });
}
