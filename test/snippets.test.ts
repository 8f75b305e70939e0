import { execFile, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Script } from 'node:vm';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, inject, onTestFinished, test, vi } from 'vitest';
import { parse as parseYaml } from 'yaml';
import { z } from 'zod';
import { loadConfig } from '../src/app/config.ts';
import { findRedisBinary } from '../src/app/embedded-redis/binary.ts';
import { EXIT } from '../src/app/exit-code.ts';
import { statusText } from '../src/app/screen/status-text.ts';
import { newBatchId } from '../src/base/ids.ts';
import { CleanupRecord } from '../src/contract/cleanup.ts';
import { DEFAULT_LIMITS } from '../src/contract/limits.ts';
import { RouteAudit } from '../src/contract/route.ts';
import { NO_TOOLSETS } from '../src/contract/toolset-check.ts';
import { NO_USAGE } from '../src/contract/usage.ts';
import { createProducer } from '../src/entries/producer.ts';
import { parseScript } from '../src/entries/simulator.ts';
import { planBatch } from '../src/routes/plan.ts';
import { routingTable } from '../src/routes/table.ts';
import { BUILT_IN_TOOLSETS, OPTIONAL_TOOLSETS } from '../src/tools/names.ts';
import { needBubblewrap } from './helpers/bubblewrap.ts';
import { installPackage } from './helpers/installed-package.ts';
import { type CodeBlock, codeBlocks, codesIn, tableRows } from './helpers/markdown.ts';
import { page, pages, root, textOf } from './helpers/pages.ts';
import { freshPrefix, redisUrl } from './helpers/redis.ts';
import { summaryOf } from './records/samples.ts';
import { blocks, blocksOf, kindOf, placeOf } from './snippets/blocks.ts';
import { checkKubernetes } from './snippets/manifests.ts';
import { DRIVERS, PRINTED } from './snippets/programs.ts';
import { type PageDeployment, runProgram, startDeployment, writeProgram } from './snippets/project.ts';
import { linkCommand, NOT_RUN, RUN_BY_SYSTEM, Shell, shellLines } from './snippets/shell.ts';

const execute = promisify(execFile);

vi.setConfig({ maxConcurrency: 4 });

/** Every kind of block, by the language and the mark after its fence, and what becomes of it here. */
const KINDS: Readonly<Record<string, string>> = {
  'ts run': 'runs, and its output is compared',
  'ts module': 'runs, called by a program of `snippets/programs.ts`',
  'js express': 'is not run, because Express is not installed: it parses, and what it calls is in the module above it',
  sh: 'runs line by line if the line is of Errand; for other lines see `NOT_RUN` and `RUN_BY_SYSTEM`',
  'text output': 'is compared with what the command prints, see `SHOWN_BY`',
  'text drawing': 'is not run, because a person reads it',
  mermaid: 'is not run, because a person reads it',
  'text acl': 'is compared in `redis/rights.test.ts`',
  'text promql': 'names metrics that a worker has',
  'conf redis': 'is loaded by a Redis',
  'ini systemd': 'is compared with the package and the exit codes',
  'json package': 'runs as a shell line',
  'json batch': 'is planned',
  'json cleanup_record': 'is parsed',
  'json route_audit': 'is parsed',
  'yaml batch': 'is planned',
  'yaml config': 'is loaded',
  'yaml kubernetes': 'is compared with the image and the configuration',
  'yaml script': 'is parsed',
};

/** The shell lines whose output a block shows: the place of the block, and the place of the lines. */
const SHOWN_BY: Readonly<Record<string, string>> = {
  'README.md#try-it': 'docs/reference/cli.md#up',
  'docs/explanations/credentials.md#when-a-credential-is-missing': 'docs/reference/cli.md#up',
  'docs/how-to/add-a-provider.md': 'docs/how-to/add-a-provider.md',
  'docs/how-to/find-a-stuck-batch.md': 'docs/how-to/find-a-stuck-batch.md',
  'docs/start/first-real-key.md#give-the-worker-the-key': 'docs/start/first-real-key.md#give-the-worker-the-key',
};

/** A project with the package installed as its users get it, and what its programs talk to. */
let dir: string;
let installed: string;
let deployment: PageDeployment;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'errand-snippets-'));
  await writeFile(join(dir, 'package.json'), '{ "type": "module" }');
  [installed, deployment] = await Promise.all([installPackage(dir), startDeployment(dir)]);
  await needBubblewrap();
});
afterAll(async () => {
  await deployment.close();
  await rm(dir, { recursive: true, force: true });
});

test('the package holds the pages that its users read, as they are checked here', () => {
  const shipped = Object.entries(pages).filter(([file]) => /^(README|CHANGELOG|docs\/)/.test(file));
  expect(shipped.length).toBeGreaterThan(20);
  for (const [file, text] of shipped) expect(readFileSync(join(installed, file), 'utf8'), file).toBe(text);
});

describe('a code block', () => {
  test('is of a kind that is known, and each kind is used', () => {
    expect([...new Set(blocks.map(kindOf))].sort()).toEqual(Object.keys(KINDS).sort());
  });

  test.for(Object.entries(pages))('of %s has a fence that is read here', ([file, text]) => {
    const fences = text.split('\n').filter((line) => /^\s*(```|~~~)/.test(line));
    expect(fences).toHaveLength(2 * codeBlocks(file, text).length);
  });

  test('that is an output shows what a command prints, and says so if none is run', () => {
    const computed = ['docs/explanations/cost.md#fields-and-metrics'];
    const longRuns = ['docs/internals/storm.md#result'];
    const places = blocksOf('text output').map(([place]) => place);
    expect(places.toSorted()).toEqual([...Object.keys(SHOWN_BY), ...computed, ...longRuns].toSorted());
  });
});

describe('a program', { concurrent: true }, () => {
  const programs = blocksOf('ts run', 'ts module');

  test('has a place of its own, and what it prints is known', () => {
    const places = programs.map(([place]) => place);
    expect(places.toSorted()).toEqual([...Object.keys(PRINTED), ...Object.keys(DRIVERS)].toSorted());
  });

  test('type-checks, with the program that calls it if it is a module', async () => {
    const config = {
      extends: join(root, 'tsconfig.json'),
      compilerOptions: {
        typeRoots: [join(root, 'node_modules/@types')],
        moduleDetection: 'force',
        rewriteRelativeImportExtensions: false,
      },
      files: programs.flatMap(([, block]) => writeProgram(dir, block).files),
      include: [],
    };
    await writeFile(join(dir, 'tsconfig.json'), JSON.stringify(config));
    const checked = await execute(join(root, 'node_modules/.bin/tsc'), ['-p', dir]).catch((error: unknown) => error);
    expect(checked).toMatchObject({ stdout: '' });
  });

  test.for(programs)('%s prints what it should', async ([place, block]) => {
    const { program } = writeProgram(dir, block);
    // A program that starts a worker shows what this worker does, so no other may take its tasks.
    const isAlone = readFileSync(program, 'utf8').includes('createWorker');
    const env = { ...deployment.env, ...(isAlone && { ERRAND_PREFIX: freshPrefix() }) };
    const { code, out, err } = await runProgram(program, env, place);
    const printed = PRINTED[place] ?? DRIVERS[place]?.printed;
    const told = out.replaceAll(/\b\d+ ms\b/g, 'N ms').replaceAll(/\breq_\w+/g, 'req_N');
    expect({ code, out: told, err }).toEqual({ code: 0, out: printed, err: '' });
  });

  test('of the README is the heart of an example', () => {
    const [program] = codeBlocks('README.md', page('README.md'));
    const heart = /const { batch_id }[\s\S]*(?=await producer\.close)/.exec(program?.text ?? '')?.[0];
    expect(heart).toContain('producer.outcomes');
    expect(textOf('examples/02-mixed-routes.ts')).toContain(heart);
  });

  test('is on every page of Start and How to, or a manifest is', () => {
    const files = Object.keys(pages).filter((file) => /^docs\/(start|how-to)\//.test(file));
    const shown = new Set(blocksOf('ts run', 'yaml kubernetes').map(([, { file }]) => file));
    expect(files.filter((file) => !shown.has(file))).toEqual([]);
  });

  test.for(blocksOf('js express'))(
    'of Express calls what the module above it exports: %s',
    ([, { text, file, line }]) => {
      const module = blocks.findLast((block) => block.file === file && block.line < line);
      const called = [...text.matchAll(/=> (\w+)\(/g)].map(([, name]) => name);
      expect(new Script(text)).toBeDefined();
      expect(called).toHaveLength(2);
      for (const name of called) expect(module?.text).toContain(`export async function ${name}(`);
    },
  );
});

describe('a file of JSON or YAML', () => {
  const CHECKS: Record<string, (value: unknown, text: string) => unknown> = {
    batch: checkBatch,
    config: (_value, text) => checkConfig(text),
    kubernetes: checkKubernetes,
    script: (value) => parseScript(value as Parameters<typeof parseScript>[0]),
    route_audit: (value) => RouteAudit.parse(value),
    cleanup_record: (value) => CleanupRecord.parse(value),
  };

  test.for(blocks.filter(({ mark }) => mark in CHECKS).map((block) => [placeOf(block), block] as const))(
    '%s is what it says it is',
    async ([, { language, mark, text }]) => {
      await CHECKS[mark]?.(language === 'json' ? JSON.parse(text) : parseYaml(text), text);
    },
  );

  test('is checked by every mark that one has', () => {
    const marks = Object.keys(KINDS).flatMap((kind) => /^(?:json|yaml) (\w+)$/.exec(kind)?.[1] ?? []);
    expect([...new Set(marks)].filter((mark) => mark !== 'package').toSorted()).toEqual(Object.keys(CHECKS).toSorted());
  });

  test('the example batch is one', async () => {
    await checkBatch(parseYaml(textOf('examples/batch.yaml')));
  });

  test('the example configuration is one', async () => {
    await checkConfig(textOf('errand.config.example.yaml'));
  });

  async function checkBatch(value: unknown): Promise<void> {
    const table = routingTable(loadConfig({ ERRAND_CONFIG: '/dev/null' }));
    const { warnings } = await planBatch(value, DEFAULT_LIMITS, table, {
      ...NO_TOOLSETS,
      builtIn: [...BUILT_IN_TOOLSETS, ...OPTIONAL_TOOLSETS],
    });
    expect(warnings).toEqual([]);
  }

  async function checkConfig(text: string): Promise<void> {
    const file = join(dir, 'errand.config.yaml');
    await writeFile(file, text);
    loadConfig({ ERRAND_CONFIG: file });
  }
});

describe('a shell line', { concurrent: true }, () => {
  /** The lines that do not end with 0, and what they print then. */
  const ENDS: readonly { line: RegExp; codes: readonly number[]; err: RegExp }[] = [
    { line: /errand leaks --close/, codes: [EXIT.refused], err: /^NOT_FOUND: / }, // no worker has this name
    { line: /errand outcomes "\$BATCH_ID"$/, codes: [EXIT.ok, EXIT.failed], err: /^/ }, // a cancelled task is no success
  ];
  const WITHOUT_WORKER = 'docs/how-to/find-a-stuck-batch.md';
  const lines = blocksOf('sh').flatMap(([, block]) => shellLines(block));
  const runnable = [...blocksOf('sh'), ...blocksOf('json package').map(scriptsOf)]
    .map(([place, block]) => ({ place, block, of: shellLines(block).filter(({ kind }) => kind === 'errand') }))
    .filter(({ of }) => of.length > 0)
    .map(({ place, block, of }) => [`${place}: ${of.map(({ line }) => line).join('; ')}`, place, block] as const);

  let shell: Shell;
  let answered: { prefix: string; batchId: string };
  let waiting: { prefix: string; batchId: string };
  beforeAll(async () => {
    const { ERRAND_PROVIDERS: _, ERRAND_LOG_LEVEL: __, ERRAND_PREFIX: prefix = '', ...common } = deployment.env;
    const providers = Object.entries(deployment.providers).map(([name, provider]) => {
      return [name, { ...provider, credential: `env:${name.toUpperCase()}_API_KEY` }];
    });
    const env = { ...common, PATH: `${linkCommand(dir, installed)}:${common.PATH}`, ERRAND_BOARD_PORT: '0' };
    shell = new Shell({ dir, env, config: JSON.stringify({ providers: Object.fromEntries(providers) }) });
    [answered, waiting] = await Promise.all([enqueued(prefix, true), enqueued(freshPrefix(), false)]);
  });

  test('is of Errand, of the system, or of a program that is listed as not run', () => {
    const others = lines.flatMap((line) => (line.kind === 'other' ? [line.program] : []));
    expect([...new Set(others)].sort()).toEqual([...Object.keys(NOT_RUN), ...RUN_BY_SYSTEM].sort());
  });

  test.for(runnable)('runs in %s', async ([, place, block]) => {
    const workerPrefix = freshPrefix();
    const ended = await shell.run(block, { ...(place === WITHOUT_WORKER ? waiting : answered), workerPrefix });
    for (const [line, { code, out, err }] of ended) {
      const end = ENDS.find((other) => other.line.test(line)) ?? { codes: [EXIT.ok], err: /^/ };
      expect(end.codes, `${line}\n${out}${err}`).toContain(code);
      expect(err).toMatch(end.err);
    }
    const output = comparable(ended.map(([, { out }]) => out).join('\n'));
    const shown = blocksOf('text output').filter(([at]) => SHOWN_BY[at] === place);
    const shownLines = shown.flatMap(([, { text }]) => text.trim().split('\n'));
    for (const line of shownLines) expect(output).toContain(comparable(line));
  });

  test.for(lines.filter(({ kind }) => kind === 'other'))('that is not run names what exists: $line', ({ line }) => {
    const { name, version, scripts } = JSON.parse(textOf('package.json'));
    const script = /^npm (?:run )?([\w:]+)(?: -- .+)?$/.exec(line)?.[1];
    if (script !== undefined && !['ci', 'pack'].includes(script)) expect(scripts).toHaveProperty(script);
    if (line.startsWith('npm install ')) expect(line).toBe(`npm install ../${name}/${name}-${version}.tgz`);
    if (!line.startsWith('npx ')) return;
    const [, file = '', title = ''] = /^npx (?:vitest run|node) (\S+)(?: -t '([^']+)')?$/.exec(line) ?? [];
    expect(existsSync(join(root, file)) && textOf(file).includes(title)).toBe(true);
  });

  /** The scripts of a package as shell lines. `exec` is for the shell of npm. */
  function scriptsOf([place, block]: [string, CodeBlock]): [string, CodeBlock] {
    const Scripts = z.strictObject({ scripts: z.record(z.string(), z.string()) });
    const scripts = Object.values(Scripts.parse(JSON.parse(block.text)).scripts);
    return [place, { ...block, text: scripts.map((script) => script.replace(/^exec /, '')).join('\n') }];
  }

  /** Enqueues a batch of two tasks. With a worker, waits until it has settled. */
  async function enqueued(prefix: string, hasWorker: boolean): Promise<{ prefix: string; batchId: string }> {
    const producer = createProducer({ redis: redisUrl(), settings: { prefix, providers: deployment.providers } });
    const tasks = ['Name a prime.', 'Name a square.'].map((goal) => ({ goal, provider: 'openai' }));
    const { batch_id } = await producer.enqueue({ tasks });
    if (hasWorker) await producer.settled(batch_id);
    await producer.close();
    return { prefix, batchId: batch_id };
  }

  /** An output without what differs from run to run: ids, the width of columns, and tokens with their cost. */
  function comparable(text: string): string {
    const named = text.replaceAll(/batch \w{6} \(\w{22}\)/g, 'batch NAME (ID)');
    return named.replaceAll(/\b\d+( +)\$[\d.]+/g, 'TOKENS COST').replaceAll(/[ ─]+/g, ' ');
  }
});

describe('what another program reads', () => {
  test.for(blocksOf('conf redis'))('is loaded by a Redis: %s', async ([, { text }]) => {
    const settings = text
      .trim()
      .split('\n')
      .map((line) => line.split(' '));
    const folder = await mkdtemp(join(dir, 'redis-'));
    const socket = join(folder, 'socket');
    const binary = await findRedisBinary({ path: inject('path'), isRoot: false, log: () => undefined });
    const server = spawn(binary, ['-', '--port', '0', '--unixsocket', socket, '--dir', folder]);
    onTestFinished(() => void server.kill('SIGKILL'));
    server.stdin.end(text);
    const redis = new Redis({ path: socket });
    redis.on('error', () => undefined); // until it listens
    onTestFinished(() => redis.disconnect());
    const read = await Promise.all(settings.map(([name = '']) => redis.config('GET', name)));
    expect(read).toEqual(settings);
  });

  test.for(blocksOf('ini systemd'))('starts the worker, and restarts it by its exit codes: %s', ([, { text }]) => {
    const of = Object.fromEntries(
      text
        .split('\n')
        .filter((line) => line.includes('='))
        .map((line) => line.split('=', 2)),
    );
    const [, at = ''] = /^\/usr\/bin\/node \/srv\/errand\/(\S+) worker$/.exec(of.ExecStart) ?? [];
    expect(existsSync(join(dir, at))).toBe(true);
    expect(of.RestartPreventExitStatus).toBe(`${EXIT.refused} ${EXIT.interrupted}`);
    const { drain_grace_ms: graceMs } = loadConfig({ ERRAND_CONFIG: '/dev/null' }).worker;
    expect(Number(of.TimeoutStopSec) * 1000).toBeGreaterThan(graceMs + 20_000);
  });

  test.for(blocksOf('text promql'))('names metrics that a worker has: %s', ([, { text }]) => {
    const known = tableRows(page('docs/reference/metrics.md'), 'metric').flatMap(([cell = '']) => codesIn(cell));
    const named = text.match(/errand_\w+/g) ?? [];
    expect(named.length).toBeGreaterThan(5);
    expect(named.filter((name) => !known.includes(name))).toEqual([]);
  });

  test('is the cost of a batch with calls of unknown cost', () => {
    const summary = {
      ...summaryOf(newBatchId(), 'sample'),
      usage: { ...NO_USAGE, input_tokens: 4096, output_tokens: 16 },
      cost_usd: null,
      known_cost_usd: 0.0043,
      unpriced_tasks: 17,
      calls_of_unknown_cost: 20,
      unpriced_models: [{ provider: 'local', model: 'llama-local', tasks: 16, calls: 16 }],
    };
    const { batch_id, name, total, counts } = summary;
    const text = statusText({ batch_id, name, total, counts, ended: total, running: 0, status: 'settled', summary });
    const shown = blocksOf('text output').find(([place]) => place === 'docs/explanations/cost.md#fields-and-metrics');
    expect(text).toContain(shown?.[1].text);
  });
});
