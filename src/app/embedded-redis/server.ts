import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { open, readFile, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { monotonicMs, sleep } from '../../base/clock.ts';
import { openHttpServer } from '../../contract/http-server.ts';
import { ErrandError } from '../../errors.ts';
import { askRedis, redisIdentity } from './ask.ts';
import { type RedisHome, unwritable } from './home.ts';

const execute = promisify(execFile);

/** How long a server may stay silent while it starts or stops. A server that loads a large file still answers. */
const SILENCE_MS = 15_000;
const MAX_PAUSE_MS = 200;
const PORT_TRIES = 3;

/** A running server of ours, started by this process. */
export type RedisServer = { port: number; pid: number; process: ChildProcess };

/**
 * Starts the server `binary` in its home on a free loopback port; resolves when it answers and has loaded its data.
 *
 * Throws `ADDRESS_IN_USE` if every free port it found was taken before it could listen, and `REDIS_UNSUITABLE` with the
 * end of the server's log if it does not start for another reason.
 */
export async function launchRedis(binary: string, home: RedisHome, path: string): Promise<RedisServer> {
  for (let tries = 1; ; tries++) {
    const port = await freePort();
    await writeFile(home.configFile, configurationOf(home, port)).catch((error: unknown) => {
      throw unwritable(home.dir, error);
    });
    const child = await spawnServer(binary, home, path);
    const isReady = await becomesReady(child, port, home);
    if (isReady && child.pid !== undefined) return { port, pid: child.pid, process: child };
    await stopRedis(child);
    const log = await logTail(home);
    // Another process may have taken the free port first.
    const isTaken = log.includes('Address already in use');
    if (isTaken && tries < PORT_TRIES) continue;
    if (isTaken) {
      const message = `the embedded Redis found no free port on 127.0.0.1 in ${PORT_TRIES} tries; the last was port ${port}`;
      const remedy = 'Start Errand again, or set REDIS_URL to a running Redis.';
      throw new ErrandError('ADDRESS_IN_USE', message, { cause: new Error(log), remedy });
    }
    throw new ErrandError('REDIS_UNSUITABLE', `${binary} did not start in ${home.dir}. The end of its log:\n${log}`);
  }
}

/**
 * Ends the server with TERM, so that it writes its AOF to disk; kills it if it does not end. Resolves when it is gone.
 */
export async function stopRedis(child: ChildProcess): Promise<void> {
  if (hasExited(child)) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  const killTimer = setTimeout(() => child.kill('SIGKILL'), SILENCE_MS);
  await exited;
  clearTimeout(killTimer);
}

function configurationOf(home: RedisHome, port: number): string {
  const settings = [
    'bind 127.0.0.1',
    `port ${port}`,
    'protected-mode yes',
    'daemonize no',
    'appendonly yes',
    'appendfsync everysec',
    'save ""',
    'maxmemory-policy noeviction',
    'lazyfree-lazy-user-del yes',
    `dir ${JSON.stringify(home.dir)}`,
    `pidfile ${JSON.stringify(home.pidFile)}`,
    `logfile ${JSON.stringify(home.logFile)}`,
  ];
  return `${settings.join('\n')}\n`;
}

/**
 * Starts the process in its own session, so that Ctrl-C in the terminal reaches only Errand, which drains before it
 * ends its Redis. If the system supports it, the server also ends when this process dies in any way. Call it on the
 * main thread: for Linux, the thread that starts a process is its parent.
 */
async function spawnServer(binary: string, home: RedisHome, path: string): Promise<ChildProcess> {
  const env = { PATH: path, LC_ALL: 'C' };
  const guard = (await canFollowParent(env)) ? ['setpriv', '--pdeathsig', 'TERM'] : [];
  const [command = binary, ...args] = [...guard, binary, home.configFile];
  const log = await open(home.logFile, 'w');
  try {
    const child = spawn(command, args, { cwd: home.dir, env, detached: true, stdio: ['ignore', log.fd, log.fd] });
    await once(child, 'spawn');
    return child;
  } finally {
    await log.close();
  }
}

/** Tried rather than looked up: the `setpriv` of BusyBox does not know the option. */
async function canFollowParent(env: NodeJS.ProcessEnv): Promise<boolean> {
  return execute('setpriv', ['--pdeathsig', 'TERM', 'true'], { env }).then(
    () => true,
    () => false,
  );
}

async function becomesReady(child: ChildProcess, port: number, home: RedisHome): Promise<boolean> {
  let deadline = monotonicMs() + SILENCE_MS;
  for (let pauseMs = 5; !hasExited(child) && monotonicMs() < deadline; pauseMs = Math.min(2 * pauseMs, MAX_PAUSE_MS)) {
    const answer = await askRedis(port, 'PING', SILENCE_MS);
    if (answer?.startsWith('-LOADING')) deadline = monotonicMs() + SILENCE_MS;
    if (answer?.startsWith('+PONG') && (await redisIdentity(port))?.configFile === home.configFile) return true;
    await sleep(pauseMs);
  }
  return false;
}

function hasExited(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

async function freePort(): Promise<number> {
  const settings = { host: 'the address of the private Redis', port: 'its port' };
  const at = { what: 'private Redis', host: '127.0.0.1', port: 0, settings };
  const { port, close } = await openHttpServer(() => undefined, at);
  await close();
  return port;
}

async function logTail(home: RedisHome): Promise<string> {
  const log = await readFile(home.logFile, 'utf8').catch(() => '');
  return log.trim().split('\n').slice(-8).join('\n');
}
