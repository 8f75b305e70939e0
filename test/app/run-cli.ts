import { type ChildProcess, type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inject, onTestFinished } from 'vitest';

const CLI = join(import.meta.dirname, '..', '..', 'src', 'cli.ts');

/** How a command ended, and what it wrote. */
export type Ended = { code: number | null; out: string; err: string };

/** A command that runs. `says` resolves once its output, both streams together, matches; it fails where it ends first. */
export type Running = {
  process: ChildProcess;
  says: (pattern: RegExp) => Promise<RegExpMatchArray>;
  ended: Promise<Ended>;
};

/** A folder for the test, with these files in it. */
export function aFolder(files: Record<string, string> = {}): string {
  const folder = mkdtempSync(join(tmpdir(), 'errand-cli-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return folder;
}

/** Starts the real command line in a folder, with these variables and the PATH only; killed where the test leaves it. */
export function start(args: string[], cwd: string, env: Record<string, string>, input = ''): Running {
  const child = spawn(process.execPath, [CLI, ...args], { cwd, env: { PATH: inject('path'), ...env } });
  onTestFinished(() => void child.kill('SIGKILL'));
  child.stdin.end(input);
  return follow(child);
}

/** Follows what a command writes, and how it ends: once no process holds its output open. */
export function follow(child: ChildProcessWithoutNullStreams): Running {
  const written = { out: '', err: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    written.out += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    written.err += text;
  });
  const ended = once(child, 'close').then(([code]): Ended => ({ code, ...written }));
  const says = (pattern: RegExp) =>
    new Promise<RegExpMatchArray>((resolve, reject) => {
      const look = () => {
        const found = `${written.out}${written.err}`.match(pattern);
        if (found) resolve(found);
      };
      child.stdout.on('data', look);
      child.stderr.on('data', look);
      child.once('close', () => reject(new Error(`ended without ${pattern}: ${written.out}${written.err}`)));
      look();
    });
  return { process: child, says, ended };
}
