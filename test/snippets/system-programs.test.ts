import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, inject, onTestFinished, test } from 'vitest';
import { aFreePort } from '../helpers/configured-redis.ts';
import { codeBlocks } from '../helpers/markdown.ts';
import { openRedis } from '../helpers/redis.ts';
import { startRedisCluster } from '../helpers/redis-cluster.ts';
import { startRedisServer } from '../helpers/redis-server.ts';
import { RUN_BY_SYSTEM } from './shell.ts';

const run = promisify(execFile);

/** The shell lines of a page that begin with one of the programs that the system brings, in order. */
function linesOf(page: string): string[] {
  const text = readFileSync(join(import.meta.dirname, '../../docs', page), 'utf8');
  const lines = codeBlocks(page, text).flatMap((block) => (block.language === 'sh' ? block.text.split('\n') : []));
  return lines.filter((line) => RUN_BY_SYSTEM.includes(line.split(' ')[0] ?? ''));
}

/** A directory of the test, and a shell in it that ends at the first line that fails. */
function aShell(env: NodeJS.ProcessEnv = {}) {
  const dir = mkdtempSync(join(tmpdir(), 'errand-shell-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const sh = async (...lines: string[]) =>
    (await run('sh', ['-euc', lines.join('\n')], { cwd: dir, env: { PATH: inject('path'), ...env } })).stdout;
  return { dir, sh };
}

test('the lines that make the secrets of the containers write each file', async () => {
  const { dir, sh } = aShell({ OPENAI_API_KEY: 'sk-a', ANTHROPIC_API_KEY: 'sk-b' });
  await sh(...linesOf('how-to/operate.md'));
  const read = (file: string) => readFileSync(join(dir, file), 'utf8');
  expect([read('secrets/openai_api_key'), read('secrets/anthropic_api_key')]).toEqual(['sk-a', 'sk-b']);
  expect(read('secrets/board_password')).toMatch(/^[0-9a-f]{32}\n$/);
  expect(read('.env')).toMatch(/^REDIS_PASSWORD=[0-9a-f]{64}\n$/);
});

test('the lines that back Redis up and restore it keep every key', async () => {
  const old = await startRedisServer();
  const redis = openRedis(old.url);
  await redis.mset('a', '1', 'b', '2');
  const { dir, sh } = aShell({ ADMIN_URL: old.url });
  const port = String(await aFreePort());
  const lines = linesOf('how-to/back-up-and-restore.md').map((line) => line.replace(/6379/, port));
  const at = lines.findIndex((line) => line.startsWith('redis-server'));
  await sh(...lines.slice(0, at));
  expect(statSync(join(dir, 'restored/dump.rdb')).size).toBeGreaterThan(0);

  const restored = spawn('sh', ['-c', `exec ${lines[at]}`], { cwd: dir, env: { PATH: inject('path') } });
  onTestFinished(async () => {
    const ended = once(restored, 'exit');
    // Redis ignores SIGTERM while it writes its first append-only file.
    if (restored.exitCode === null && restored.kill('SIGKILL')) await ended;
  });
  await expect.poll(() => sh(`redis-cli -p ${port} PING`).catch(() => '')).toBe('PONG\n');
  expect(await sh(...lines.slice(at + 1))).toBe('2\nOK\n');
  await expect.poll(() => existsSync(join(dir, 'restored/appendonlydir'))).toBe(true);
});

test('the lines about Redis Cluster name a slot, and the nodes of all slots', async () => {
  const cluster = await startRedisCluster();
  onTestFinished(cluster.close);
  const [first] = cluster.nodes;
  const { sh } = aShell();
  const [slot = '', slots = ''] = linesOf('explanations/redis.md').map((line) =>
    line.replace('-h redis-0', `-h 127.0.0.1 -p ${first?.port}`),
  );
  expect(Number(await sh(slot))).toBe(await cluster.slotOf('{errand}'));
  expect(await sh(slots)).toContain(String(cluster.nodes[1]?.port));
});
