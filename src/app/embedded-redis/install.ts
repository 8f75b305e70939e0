import { execFile } from 'node:child_process';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { clip } from '../../base/text.ts';
import { messageOf } from '../../errors.ts';

const execute = promisify(execFile);

const PACKAGE = 'redis-server';
const POLICY_FILE = '/usr/sbin/policy-rc.d';
const POLICY =
  '#!/bin/sh\n# Written by Errand while it installs redis-server, so that no system Redis is started.\nexit 101\n';

/** dpkg needs the sbin directories, which an ordinary PATH may lack. */
const APT_ENVIRONMENT = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  DEBIAN_FRONTEND: 'noninteractive',
  LC_ALL: 'C',
};

/** Tells from the text of `/etc/os-release` whether the system takes Debian packages. */
export function isDebianLike(osRelease: string): boolean {
  return /^ID(?:_LIKE)?=.*\b(?:debian|ubuntu)\b/m.test(osRelease);
}

/** Tells whether {@link installRedis} can work here: as root, on Debian, Ubuntu or a system derived from them. */
export async function canInstallRedis(isRoot: boolean): Promise<boolean> {
  return isRoot && isDebianLike(await textOf('/etc/os-release'));
}

/**
 * Installs the distribution's `redis-server` without starting it. Logs one line before and one after.
 *
 * Never throws: resolves to `null` on success and to the reason on failure. Two processes may call it at once: the
 * second waits for the first at the lock of apt.
 */
export async function installRedis(log: (line: string) => void): Promise<string | null> {
  log(`No Redis on this machine: installing the package ${PACKAGE} with apt-get (it will not run as a service).`);
  try {
    await withoutServiceStart(async () => {
      // An update can fail because of the unreachable source of another package. The install shows whether ours is
      // available.
      await aptGet('update').catch(() => {});
      await aptGet('install', '--yes', '--no-install-recommends', PACKAGE);
    });
    log(`Installed ${PACKAGE}.`);
    return null;
  } catch (error) {
    const reason = clip(messageOf(error).trim().replaceAll(/\s+/g, ' '), 400);
    log(`Could not install ${PACKAGE}: ${reason}`);
    return reason;
  }
}

async function aptGet(...args: string[]): Promise<void> {
  await execute('apt-get', ['--quiet', '-o', 'DPkg::Lock::Timeout=120', ...args], {
    env: APT_ENVIRONMENT,
    timeout: 300_000,
    maxBuffer: 16 * 1024 * 1024,
  });
}

/** Runs `work` under a policy that starts no service. Keeps a policy that the machine already has. */
async function withoutServiceStart(work: () => Promise<void>): Promise<void> {
  await writeFile(POLICY_FILE, POLICY, { flag: 'wx', mode: 0o755 }).catch(() => {});
  // A killed installer leaves its policy behind, so remove ours even if an earlier run wrote it.
  const isOurs = (await textOf(POLICY_FILE)) === POLICY;
  try {
    await work();
  } finally {
    if (isOurs) await rm(POLICY_FILE, { force: true });
  }
}

async function textOf(file: string): Promise<string> {
  return readFile(file, 'utf8').catch(() => '');
}
