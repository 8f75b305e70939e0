import { execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

const NAMES = ['chromium', 'chromium-browser', 'google-chrome'];

/** Flags of every browser a test starts: no window, no sandbox (root in a container), no traffic of its own. */
export const BROWSER_FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

const FIND = NAMES.map((name) => `command -v ${name}`).join(' || ');
const APT = 'DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=120';
const INSTALL = `${APT} install -y --no-install-recommends chromium`;
const SCRIPT = `${FIND} || ${INSTALL} || { ${APT} update && ${INSTALL}; }`;

/** One lock for all processes: the second process waits for the first and finds the browser installed. */
const UNDER_LOCK = [join(tmpdir(), 'errand-test-browser.lock'), 'sh', '-c', SCRIPT];

function canInstall(): boolean {
  return process.getuid?.() === 0 && existsSync('/etc/debian_version');
}

/** Starts the installation of a browser in its own process, if the browser is missing and may be installed. */
export function prepareBrowser(): void {
  if (!canInstall()) return;
  const child = spawn('flock', UNDER_LOCK, { detached: true, stdio: 'ignore' });
  child.on('error', () => undefined);
  child.unref();
}

/**
 * Returns the path of a Chromium that runs, or `null`. As root on Debian or Ubuntu it installs the package
 * first, or waits for the installation that {@link prepareBrowser} started.
 */
export async function findBrowser(): Promise<string | null> {
  if (canInstall()) await run('flock', UNDER_LOCK).catch(() => undefined);
  for (const directory of (process.env.PATH ?? '').split(delimiter)) {
    for (const name of NAMES) {
      const path = join(directory, name);
      if (existsSync(path) && (await isRunnable(path))) return path;
    }
  }
  return null;
}

/** Ubuntu ships a `chromium-browser` that only says where to get one. */
async function isRunnable(path: string): Promise<boolean> {
  return run(path, ['--version']).then(
    () => true,
    () => false,
  );
}
