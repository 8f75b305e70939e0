import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inject } from 'vitest';
import { startSimulator } from '../../src/entries/simulator.ts';
import { createWorker } from '../../src/entries/worker.ts';
import { type Ended, follow } from '../app/run-cli.ts';
import type { CodeBlock } from '../helpers/markdown.ts';
import { freshPrefix, redisUrl } from '../helpers/redis.ts';
import { placeOf } from './blocks.ts';
import { DRIVERS, UNTIL_SIGTERM } from './programs.ts';

/** Writes the program of a block into the project at `dir`, and the driver of a module beside it. Returns its path. */
export function writeProgram(dir: string, block: CodeBlock): { files: string[]; program: string } {
  const folder = join(dir, placeOf(block).replaceAll(/\W/g, '-'));
  mkdirSync(folder, { recursive: true });
  const program = join(folder, 'block.ts');
  writeFileSync(program, block.text);
  if (block.mark !== 'module') return { files: [program], program };
  const driver = join(folder, 'driver.ts');
  writeFileSync(driver, DRIVERS[placeOf(block)]?.text ?? '');
  return { files: [program, driver], program: driver };
}

/** Runs a program until it ends; a program that runs until SIGTERM gets it after its first line. */
export async function runProgram(program: string, env: NodeJS.ProcessEnv, place: string): Promise<Ended> {
  const child = spawn(process.execPath, [program], { env, timeout: 20_000 });
  const { ended } = follow(child);
  if (UNTIL_SIGTERM.includes(place)) {
    await Promise.race([once(child.stdout, 'data'), ended]);
    child.kill('SIGTERM');
  }
  return ended;
}

/** What pages talk to: the environment of their programs, and the providers in it. `close` stops its worker. */
export type PageDeployment = {
  env: Readonly<Record<string, string>>;
  providers: Record<string, Record<string, string>>;
  close: () => Promise<void>;
};

/** Starts simulated providers and a worker. `dir` has the workspaces. */
export async function startDeployment(dir: string): Promise<PageDeployment> {
  const [redis, prefix, ...customers] = [redisUrl(), freshPrefix(), freshPrefix(), freshPrefix()];
  const simulator = await startSimulator();
  const providers = {
    openai: { wire: 'responses', base_url: `${simulator.url}/v1`, credential: 'none', default_model: 'gpt-5.6-sol' },
    anthropic: { wire: 'messages', base_url: simulator.url, credential: 'none', default_model: 'claude-opus-5-5' },
  };
  const settings = { prefix, providers, worker: { health_port: 0, log_level: 'silent', workspace_root: dir } };
  const worker = await createWorker({ redis, settings });
  const close = async () => {
    await worker.drain();
    await simulator.close();
  };
  const env = {
    PATH: inject('path'),
    REDIS_URL: redis,
    ERRAND_PREFIX: prefix,
    ERRAND_PROVIDERS: JSON.stringify(providers),
    ERRAND_HEALTH_PORT: '0',
    ERRAND_LOG_LEVEL: 'silent',
    ERRAND_WORKSPACE_ROOT: dir,
    NODE_COMPILE_CACHE: join(dir, 'compile-cache'),
    CUSTOMER_REDIS_URLS: JSON.stringify(Object.fromEntries(customers.map((name) => [name.slice(1, -1), redis]))),
  };
  return { env, providers, close };
}
