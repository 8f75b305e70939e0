import { spawn } from 'node:child_process';
import { cpSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { type Ended, follow } from '../app/run-cli.ts';
import type { CodeBlock } from '../helpers/markdown.ts';
import { root } from '../helpers/pages.ts';
import { blocks, kindOf, placeOf } from './blocks.ts';

/** The programs of shell lines that do not run here, and why. Their lines are only looked at. */
export const NOT_RUN: Readonly<Record<string, string>> = {
  npm: 'the scripts run the whole suite or need minutes; `test/shipping.test.ts` packs',
  npx: 'the named tests run with the suite; the named examples run in `test/examples.test.ts`',
  docker: 'needs a daemon and a registry',
  kubectl: 'needs a cluster',
};

/** The programs of the system whose lines `system-programs.test.ts` runs. */
export const RUN_BY_SYSTEM = ['openssl', 'printf', 'mkdir', 'cp', 'redis-cli', 'redis-server', 'redis-check-rdb'];

/** The commands that never end, and what they print once they are ready. SIGTERM ends them with 0. */
const ENDLESS: Readonly<Record<string, RegExp>> = {
  worker: /worker started/,
  board: /board at /,
  simulator: /simulator at /,
};

/** The commands that run a worker. */
const OWN_WORKER = new Set(['worker', 'up']);

/** The file that every command reads. */
const CONFIG = 'errand.config.yaml';

/** The batch that a command gets if its page has none. */
const SAMPLE = JSON.stringify({
  tasks: ['Name a prime.', 'Name a square.'].map((goal) => ({ goal, provider: 'openai' })),
});
const ACME = JSON.stringify({ goal: 'Say hello.', provider: 'acme' });

/** What a shell line runs: the command line of Errand, an assignment of the shell, or a program of {@link NOT_RUN}. */
export type ShellLine =
  | { kind: 'errand'; line: string; command: string; sets: string | null }
  | { kind: 'export'; line: string }
  | { kind: 'other'; line: string; program: string };

/** The lines of a block as a shell reads them, each of one program. */
export function shellLines({ text }: Pick<CodeBlock, 'text'>): ShellLine[] {
  const lines = text.replaceAll('\\\n', '').split(/\n| && /);
  return lines.filter((line) => line.trim() !== '' && !line.startsWith('#')).map(shellLine);
}

function shellLine(line: string): ShellLine {
  const [, sets, called] = /^(\w+)=\$\((.+)\)$/.exec(line) ?? [];
  const run = called ?? line;
  const command = /^(?:npx )?errand (\w+)/.exec(run)?.[1];
  if (command !== undefined) return { kind: 'errand', line: run, command, sets: sets ?? null };
  if (/^export \w+=/.test(line)) return { kind: 'export', line };
  return { kind: 'other', line, program: line.split(' ')[0] ?? '' };
}

/** Links the command as npm does, into a folder for the PATH. `npx` runs what is linked there. Returns the folder. */
export function linkCommand(dir: string, installed: string): string {
  const bin = join(dir, 'bin');
  mkdirSync(bin);
  symlinkSync(join(installed, 'dist/src/cli.js'), join(bin, 'errand'));
  symlinkSync(process.execPath, join(bin, 'node'));
  writeFileSync(join(bin, 'npx'), '#!/bin/sh\nexec "$@"\n', { mode: 0o755 });
  return bin;
}

/** Where lines run: in folders of `dir`, with this environment, and this configuration unless the page has its own. */
type Place = { dir: string; env: NodeJS.ProcessEnv; config: string };

/** The batch that the page shows, the prefix of its batch, and a prefix for the workers of the page. */
type Own = { batchId: string; prefix: string; workerPrefix: string };

/** Runs the shell lines of pages. A line with the same files and the same batch as an earlier one is run once. */
export class Shell {
  readonly #place: Place;
  readonly #ended = new Map<string, Promise<Ended>>();

  constructor(place: Place) {
    this.#place = place;
  }

  /** Runs the lines of Errand in a block, in their order, with what the page exported before them. */
  async run(block: CodeBlock, { batchId, prefix, workerPrefix }: Own): Promise<[string, Ended][]> {
    const variables: Record<string, string> = { BATCH_ID: batchId };
    const exported = exportsBefore(block);
    const files = filesOf(block, this.#place.config);
    const ended: [string, Ended][] = [];
    for (const found of shellLines(block)) {
      if (found.kind !== 'errand') continue;
      const run = { ...found, exported, files, variables: { ...variables, ERRAND_PREFIX: prefix } };
      // A worker of a page knows other providers than the worker that answers its batches.
      const end = await this.#once(run, OWN_WORKER.has(found.command) ? workerPrefix : prefix);
      if (found.sets !== null) variables[found.sets] = end.out.trim();
      ended.push([found.line, end]);
    }
    return ended;
  }

  #once(run: Run, prefix: string): Promise<Ended> {
    const { line, exported, files, variables } = run;
    const read = Object.entries(files).filter(([name]) => name === CONFIG || line.includes(name));
    const subject = JSON.stringify([line.replace(/^npx /, ''), exported, read, variables]);
    const known = run.sets === null ? this.#ended.get(subject) : undefined;
    if (known) return known;
    const ended = this.#run(run, prefix);
    this.#ended.set(subject, ended);
    return ended;
  }

  async #run({ line, command, exported, files, variables }: Run, prefix: string): Promise<Ended> {
    const cwd = await mkdtemp(join(this.#place.dir, 'shell-'));
    cpSync(join(root, 'examples'), join(cwd, 'examples'), { recursive: true });
    mkdirSync(join(cwd, 'tools'));
    for (const [name, text] of Object.entries(files)) writeFileSync(join(cwd, name), text);
    // The port on a page may be taken here.
    const free = command === 'simulator' ? `${line.replace(/ --port \d+/, '')} --port 0` : line;
    const script = [...exported, `exec ${free}`].join('\n');
    const child = spawn('sh', ['-c', script], {
      cwd,
      env: { ...this.#place.env, ...variables, ERRAND_PREFIX: prefix },
    });
    const running = follow(child);
    child.stdin.end(/ -( |$)/.test(line) ? SAMPLE : '');
    const isReady = ENDLESS[command];
    if (isReady !== undefined) {
      await running.says(isReady).catch(() => undefined);
      child.kill('SIGTERM');
    }
    return running.ended;
  }
}

/** A line to run, with everything that its end depends on. */
type Run = {
  line: string;
  command: string;
  sets: string | null;
  exported: readonly string[];
  files: Readonly<Record<string, string>>;
  variables: Readonly<Record<string, string>>;
};

/** The files that shell lines name: the batch and the configuration of the page if it has them, else those of the test. */
function filesOf(block: CodeBlock, config: string): Record<string, string> {
  const batch = ownOr(block, ['yaml batch', 'json batch'], SAMPLE);
  return {
    'batch.yaml': batch,
    'payload.json': batch,
    'acme.yaml': ACME,
    [CONFIG]: ownOr(block, ['yaml config'], config),
    'tools/orders.ts': textAt('docs/how-to/add-a-tool.md'),
    'openai.key': 'sk-openai-of-a-page',
    'anthropic.key': 'sk-anthropic-of-a-page',
    'acme.key': 'sk-acme-of-a-page',
    'board.password': 'a-password-of-a-page',
  };
}

/** What the page exports up to a block, except the address of Redis: on a page it is that of the reader. */
function exportsBefore({ file, line }: CodeBlock): string[] {
  const before = blocks.filter((block) => block.file === file && kindOf(block) === 'sh' && block.line <= line);
  const exported = before.flatMap(shellLines).filter(({ kind }) => kind === 'export');
  return exported.map((found) => found.line).filter((text) => !text.startsWith('export REDIS_URL='));
}

/** The text of the first block at a place. */
function textAt(place: string): string {
  return blocks.find((block) => placeOf(block) === place)?.text ?? '';
}

/** The text of the last block of these kinds above a block, else of the first below it; without any, the other text. */
function ownOr({ file, line }: CodeBlock, kinds: readonly string[], other: string): string {
  const own = blocks.filter((block) => block.file === file && kinds.includes(kindOf(block)));
  return (own.findLast((block) => block.line < line) ?? own[0])?.text ?? other;
}
