import { readFile } from 'node:fs/promises';
import { isRunning } from '../../base/process-birth.ts';
import { ErrandError } from '../../errors.ts';
import { askRedis, redisGone, redisIdentity } from './ask.ts';
import { findRedisBinary } from './binary.ts';
import { claimHome, openHome, type RedisHome } from './home.ts';
import { launchRedis, type RedisServer, stopRedis } from './server.ts';

const ORPHAN_PATIENCE_MS = 15_000;

/** A running embedded Redis. `url`: its address, loopback only. `close`: ends it with its data on disk. */
export type EmbeddedRedis = { url: string; pid: number; close: () => Promise<void> };

/** The environment of {@link startEmbeddedRedis}. */
export type EmbeddedRedisOptions = {
  /** The directory of Errand. The data stay in `<dir>/redis` and are loaded at the next start. */
  dir: string;
  /** The PATH of the caller, on which the server is sought. */
  path: string;
  /** Whether the process may install a server if it finds none. */
  isRoot: boolean;
  /** Gets lines for the person at the terminal. */
  log?: (line: string) => void;
};

/**
 * Starts a private Redis of this process on a free loopback port. It is durable and never evicts. Resolves when it is
 * ready.
 *
 * It ends with `close()`, and also when this process dies. If the system does not support that, the next start in the
 * same `dir` ends it. A server that was not started for this `dir` is never touched. Throws `REDIS_UNSUITABLE` if no
 * server is found or it does not start, and if another living process runs one in the same `dir`.
 */
export async function startEmbeddedRedis(options: EmbeddedRedisOptions): Promise<EmbeddedRedis> {
  const { dir, path, isRoot, log = () => {} } = options;
  const binary = await findRedisBinary({ path, isRoot, log });
  const home = await openHome(dir);
  const claim = await claimHome(home);
  if (claim.status === 'taken') throw await alreadyInUse(home, claim.ownerPid);
  try {
    await endOrphan(home, log);
    const server = await launchRedis(binary, home, path);
    return embedded(server, claim.release, log);
  } catch (error) {
    await claim.release();
    throw error;
  }
}

function embedded(server: RedisServer, release: () => Promise<void>, log: (line: string) => void): EmbeddedRedis {
  const { process: child, pid, port } = server;
  const endWithUs = () => child.kill('SIGTERM');
  const report = () => log(`The embedded Redis (pid ${pid}) ended unexpectedly.`);
  process.once('exit', endWithUs);
  child.once('exit', report);
  child.once('exit', () => process.off('exit', endWithUs));

  const end = async () => {
    child.off('exit', report);
    await stopRedis(child);
    await release();
  };
  let ended: Promise<void> | undefined;
  return {
    url: urlOf(port),
    pid,
    close: () => {
      ended ??= end();
      return ended;
    },
  };
}

/** Ends the server that a dead owner of this home left behind, because two servers may not write the same files. */
async function endOrphan(home: RedisHome, log: (line: string) => void): Promise<void> {
  const port = await lastPort(home);
  if (port === null) return;
  const identity = await redisIdentity(port);
  if (identity === null) return refuseIfMute(home, port);
  if (identity.configFile !== home.configFile) return;
  log(`Ending the Redis (pid ${identity.pid}) that an earlier Errand left behind.`);
  await askRedis(port, 'SHUTDOWN', ORPHAN_PATIENCE_MS);
  if (!(await redisGone(port, ORPHAN_PATIENCE_MS))) throw mute(home, identity.pid);
}

async function refuseIfMute(home: RedisHome, port: number): Promise<void> {
  if (await redisGone(port, 1_000)) return;
  const pid = Number(await readFile(home.pidFile, 'utf8').catch(() => ''));
  if (pid > 0 && isRunning(pid)) throw mute(home, pid);
}

/** The port of the last server of this home, or `null` if the home never had a server. */
async function lastPort(home: RedisHome): Promise<number | null> {
  const configuration = await readFile(home.configFile, 'utf8').catch(() => '');
  const port = /^port (\d+)$/m.exec(configuration)?.[1];
  return port === undefined ? null : Number(port);
}

function urlOf(port: number): string {
  return `redis://127.0.0.1:${port}`;
}

async function alreadyInUse(home: RedisHome, ownerPid: number): Promise<ErrandError> {
  const port = await lastPort(home);
  const remedy =
    port === null
      ? 'Start again when the other Errand has started, or stop it first.'
      : `To share its Redis, set REDIS_URL=${urlOf(port)} and start again. Otherwise stop the other Errand first.`;
  return new ErrandError(
    'REDIS_UNSUITABLE',
    `Another Errand (pid ${ownerPid}) runs its embedded Redis in ${home.dir}. ${remedy}`,
    { remedy },
  );
}

function mute(home: RedisHome, pid: number): ErrandError {
  const remedy = `Run kill -9 ${pid} and start again.`;
  return new ErrandError(
    'REDIS_UNSUITABLE',
    `The Redis (pid ${pid}) that an earlier Errand left running in ${home.dir} does not answer and does not end. ${remedy}`,
    { remedy },
  );
}
