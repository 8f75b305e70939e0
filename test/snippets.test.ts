import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { parse as parseYaml } from 'yaml';
import { z } from 'zod';
import { loadConfig } from '../src/app/config.ts';
import { CleanupRecord } from '../src/contract/cleanup.ts';
import { DEFAULT_LIMITS } from '../src/contract/limits.ts';
import { RouteAudit } from '../src/contract/route.ts';
import { NO_TOOLSETS } from '../src/contract/toolset-check.ts';
import { parseScript, startSimulator } from '../src/entries/simulator.ts';
import { createWorker } from '../src/entries/worker.ts';
import { planBatch } from '../src/routes/plan.ts';
import { routingTable } from '../src/routes/table.ts';
import { BUILT_IN_TOOLSETS } from '../src/tools/names.ts';
import { installPackage } from './helpers/installed-package.ts';
import { type CodeBlock, codeBlocks } from './helpers/markdown.ts';
import { page, pages, root, textOf } from './helpers/pages.ts';
import { freshPrefix, redisUrl } from './helpers/redis.ts';

const execute = promisify(execFile);
const blocks = Object.entries(pages).flatMap(([file, text]) => codeBlocks(file, text));
const LANGUAGES = ['ts', 'json', 'yaml', 'sh', 'text', 'mermaid'];

/** What is looked at in the manifest of a worker. */
const Probe = z.looseObject({ httpGet: z.strictObject({ path: z.string(), port: z.string() }) });
const WorkerContainer = z.looseObject({
  name: z.string(),
  args: z.tuple([z.literal('worker')]),
  env: z.array(z.looseObject({ name: z.string(), value: z.string().optional() })),
  ports: z.array(z.unknown()),
  livenessProbe: Probe,
  readinessProbe: Probe,
  securityContext: z.strictObject({
    readOnlyRootFilesystem: z.literal(true),
    allowPrivilegeEscalation: z.literal(false),
    capabilities: z.strictObject({ drop: z.tuple([z.literal('ALL')]) }),
  }),
  volumeMounts: z.array(z.looseObject({ name: z.string(), mountPath: z.string() })),
});
const Pod = z.looseObject({
  terminationGracePeriodSeconds: z.number(),
  automountServiceAccountToken: z.literal(false),
  securityContext: z.looseObject({
    runAsNonRoot: z.literal(true),
    runAsUser: z.number(),
    seccompProfile: z.strictObject({ type: z.literal('RuntimeDefault') }),
  }),
  containers: z.tuple([WorkerContainer]),
  volumes: z.array(z.looseObject({ name: z.string() })),
});
const PodOfDeployment = z.looseObject({
  kind: z.literal('Deployment'),
  spec: z.looseObject({ template: z.looseObject({ spec: Pod }) }),
});

const Ports = z.array(z.strictObject({ port: z.number(), protocol: z.enum(['UDP', 'TCP']).optional() })).min(1);
const Peer = z.strictObject({
  namespaceSelector: z.looseObject({}).optional(),
  podSelector: z.looseObject({}).optional(),
  ipBlock: z.strictObject({ cidr: z.string(), except: z.array(z.string()) }).optional(),
});
const NetworkPolicy = z.strictObject({
  apiVersion: z.literal('networking.k8s.io/v1'),
  kind: z.literal('NetworkPolicy'),
  metadata: z.strictObject({ name: z.string() }),
  spec: z.strictObject({
    podSelector: z.looseObject({ matchLabels: z.strictObject({ app: z.literal('errand-worker') }) }),
    policyTypes: z.tuple([z.literal('Ingress'), z.literal('Egress')]),
    ingress: z.tuple([z.strictObject({ from: z.array(Peer).min(1), ports: Ports })]),
    egress: z.array(z.strictObject({ to: z.array(Peer).min(1), ports: Ports })),
  }),
});

/** A project with the package installed as its users get it. */
let dir: string;
let installed: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'errand-snippets-'));
  await writeFile(join(dir, 'package.json'), '{ "type": "module" }');
  installed = await installPackage(dir);
});
afterAll(() => rm(dir, { recursive: true, force: true }));

function ofLanguage(...languages: string[]): [string, CodeBlock][] {
  const found = blocks.filter(({ language }) => languages.includes(language));
  return found.map((block) => [`${block.file}:${block.line}`, block]);
}

/** Writes a program into the project. */
async function writeProgram({ file, line, text }: CodeBlock): Promise<string> {
  const path = join(dir, `${file.replaceAll(/\W/g, '-')}-${line}.ts`);
  await writeFile(path, text);
  return path;
}

test('the package holds the pages that its users read, as they are checked here', () => {
  const shipped = Object.entries(pages).filter(([file]) => /^(README|CHANGELOG|docs\/)/.test(file));
  expect(shipped.length).toBeGreaterThan(20);
  for (const [file, text] of shipped) expect(readFileSync(join(installed, file), 'utf8'), file).toBe(text);
});

test('every code block is of a language that is checked, and each language is used', () => {
  expect([...new Set(blocks.map(({ language }) => language))].sort()).toEqual(LANGUAGES.toSorted());
});

test('every program type-checks', async () => {
  const programs = await Promise.all(ofLanguage('ts').map(([, block]) => writeProgram(block)));
  const config = {
    extends: join(root, 'tsconfig.json'),
    compilerOptions: {
      typeRoots: [join(root, 'node_modules/@types')],
      moduleDetection: 'force',
      rewriteRelativeImportExtensions: false,
    },
    files: programs,
    include: [],
  };
  await writeFile(join(dir, 'tsconfig.json'), JSON.stringify(config));
  const checked = await execute(join(root, 'node_modules/.bin/tsc'), ['-p', dir]).catch((error: unknown) => error);
  expect(checked).toMatchObject({ stdout: '' });
});

describe('a program that is marked to run', () => {
  const PRINTED: Record<string, string> = {
    'README.md': 'Simulated answer to: Summarise RFC 9110.\nSimulated answer to: Review RFC 9110.\n',
    'docs/reference/producer.md':
      '2 tasks planned, 0 warnings\n2 of 2 succeeded\ntask 1 succeeded, turns: 1\nheard the end of 2 tasks\n',
    'docs/how-to/add-a-tool.md': 'succeeded 1\n',
    'docs/reference/simulator.md': '200 complete\n',
    'docs/start/in-your-app.md': 'Simulated answer to: Summarise: Errand runs AI agents.\n',
    'docs/start/run.md': '1 task succeeded\n',
    'docs/start/first-real-key.md':
      'succeeded on openai, gpt-5.6-sol, effort low\nSimulated answer to: Name the first prime above 100.\ncost unknown\n',
    'docs/how-to/add-a-provider.md': 'succeeded acme acme-large chat\n/v1/chat/completions\n',
    'docs/how-to/cancel.md':
      'cancelled: 2 of 2 tasks\n0 the customer changed their mind 1\n1 the customer changed their mind 0\n',
    'docs/how-to/find-a-stuck-batch.md': 'running: 0 of 1 ended\nwaits for lane_unserved acme\n',
    'docs/how-to/operate.md': '/healthz 200\n/readyz 200\n',
    'docs/how-to/upgrade.md': 'CREDENTIAL_REJECTED discard\n',
    'docs/how-to/back-up-and-restore.md':
      'first: 2 of 2 tasks added, a new batch\nagain: 0 of 2 tasks added, the batch was there\n',
    'docs/how-to/run-failed-tasks-again.md': 'did not succeed: 2\nsucceeded at the second time: 1\n',
    'docs/how-to/choose-concurrency.md': '6 tasks succeeded, at most 2 at a time\n',
    'docs/how-to/serve-several-customers.md': 'acme reads 1 outcome\nglobex is refused: true\n',
    'docs/internals/sdks.md': '200 false false\n',
    'docs/internals/bullmq.md': 'JobLockNotExist active null\n',
    'docs/internals/redis.md': 'ERR value is not an int\nwritten\n3 9.007199254741e+15\n',
  };

  test.for(ofLanguage('ts').filter(([, { mark }]) => mark === 'run'))('%s prints what it should', async ([, block]) => {
    const env = await aDeployment();
    const { stdout, stderr } = await execute(process.execPath, [await writeProgram(block)], { env, timeout: 20_000 });
    expect({ stdout, stderr }).toEqual({ stdout: PRINTED[block.file], stderr: '' });
  });

  /** A worker with simulated providers; returns the environment a producer finds them in. */
  async function aDeployment(): Promise<NodeJS.ProcessEnv> {
    const simulator = await startSimulator();
    const providers = {
      openai: { wire: 'responses', base_url: `${simulator.url}/v1`, credential: 'none' },
      anthropic: { wire: 'messages', base_url: simulator.url, credential: 'none' },
    };
    const [redis, prefix] = [redisUrl(), freshPrefix()];
    const settings = { prefix, providers, worker: { health_port: 0, log_level: 'silent', workspace_root: dir } };
    const worker = await createWorker({ redis, settings });
    onTestFinished(async () => {
      await worker.drain();
      await simulator.close();
    });
    return {
      PATH: process.env.PATH,
      REDIS_URL: redis,
      ERRAND_PREFIX: prefix,
      ERRAND_PROVIDERS: JSON.stringify(providers),
    };
  }
});

test('every page of Start and How to has a block that a test runs or reads', () => {
  const files = Object.keys(pages).filter((file) => /^docs\/(start|how-to)\//.test(file));
  const shown = new Set(blocks.filter(({ mark }) => ['run', 'kubernetes'].includes(mark)).map(({ file }) => file));
  expect(files.filter((file) => !shown.has(file))).toEqual([]);
});

test('the program of the README is the heart of an example', () => {
  const [program] = codeBlocks('README.md', page('README.md'));
  const heart = /const { batch_id }[\s\S]*(?=await producer\.close)/.exec(program?.text ?? '')?.[0];
  expect(heart).toContain('producer.outcomes');
  expect(textOf('examples/02-mixed-routes.ts')).toContain(heart);
});

describe('JSON and YAML', () => {
  const CHECKS: Record<string, (value: unknown, text: string) => unknown> = {
    batch: checkBatch,
    config: (_value, text) => checkConfig(text),
    kubernetes: checkKubernetes,
    script: (value) => parseScript(value as Parameters<typeof parseScript>[0]),
    route_audit: (value) => RouteAudit.parse(value),
    cleanup_record: (value) => CleanupRecord.parse(value),
  };

  test.for(ofLanguage('json', 'yaml'))('%s is what it says it is', async ([, { language, mark, text }]) => {
    expect(Object.keys(CHECKS)).toContain(mark);
    await CHECKS[mark]?.(language === 'json' ? JSON.parse(text) : parseYaml(text), text);
  });

  test('the example batch is one', async () => {
    await checkBatch(parseYaml(textOf('examples/batch.yaml')));
  });

  test('the example configuration is one', async () => {
    await checkConfig(textOf('errand.config.example.yaml'));
  });

  async function checkBatch(value: unknown): Promise<void> {
    const table = routingTable(loadConfig({ ERRAND_CONFIG: '/dev/null' }));
    const { warnings } = await planBatch(value, DEFAULT_LIMITS, table, { ...NO_TOOLSETS, builtIn: BUILT_IN_TOOLSETS });
    expect(warnings).toEqual([]);
  }

  function checkKubernetes(value: unknown): void {
    const { kind } = z.looseObject({ kind: z.string() }).parse(value);
    if (kind === 'NetworkPolicy') checkNetworkPolicy(value);
    else checkWorkerDeployment(value);
  }

  /** A worker is reached at its health port alone, and reaches DNS, Redis and public addresses, never metadata services. */
  function checkNetworkPolicy(value: unknown): void {
    const { ingress, egress } = NetworkPolicy.parse(value).spec;
    const { health_port: port } = loadConfig({ ERRAND_CONFIG: '/dev/null' }).worker;
    expect(ingress[0].ports).toEqual([{ port }]);
    expect(egress.map(({ ports }) => ports.map((entry) => entry.port))).toEqual([[53, 53], [6379], [443]]);
    const blocks = egress.flatMap(({ to }) => to.flatMap(({ ipBlock }) => ipBlock ?? []));
    expect(blocks.map(({ except }) => except)).toEqual([
      ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '169.254.0.0/16'],
    ]);
  }

  /** What the manifest says of a worker is what the image and the configuration need. */
  function checkWorkerDeployment(value: unknown): void {
    const { worker } = loadConfig({ ERRAND_CONFIG: '/dev/null' });
    const { terminationGracePeriodSeconds: seconds, ...pod } = PodOfDeployment.parse(value).spec.template.spec;
    const [container] = pod.containers;
    expect(seconds * 1000).toBeGreaterThan(worker.drain_grace_ms + 20_000);
    expect(pod.securityContext.runAsUser).toBe(Number(/^USER (\d+)/m.exec(textOf('Dockerfile'))?.[1]));
    expect(container.ports).toEqual([{ name: 'health', containerPort: worker.health_port }]);
    const probes = [container.livenessProbe, container.readinessProbe].map(({ httpGet }) => httpGet);
    expect(probes).toEqual(['/healthz', '/readyz'].map((path) => ({ path, port: 'health' })));
    expect(container.env).toContainEqual({ name: 'ERRAND_WORKER_SEAT', value: container.name });
    const keys = container.env.filter(({ name }) => /_KEY(_FILE)?$/.test(name));
    expect(keys.filter(({ name, value: path }) => !(name.endsWith('_FILE') && path?.startsWith('/')))).toEqual([]);
    const mounted = container.volumeMounts.map(({ mountPath }) => mountPath);
    expect(mounted).toContain(/^VOLUME (.+)$/m.exec(textOf('Dockerfile'))?.[1]);
    expect(container.volumeMounts.map(({ name }) => name)).toEqual(pod.volumes.map(({ name }) => name));
  }

  async function checkConfig(text: string): Promise<void> {
    const file = join(dir, 'errand.config.yaml');
    await writeFile(file, text);
    loadConfig({ ERRAND_CONFIG: file });
  }
});

describe('shell lines', () => {
  const SYSTEM = [
    'mkdir',
    'cp',
    'printf',
    'openssl',
    'docker compose',
    'redis-cli',
    'redis-server',
    'redis-check-rdb',
    'export',
  ];
  const lines = ofLanguage('sh').flatMap(([at, { text }]) =>
    text
      .split(/\n| && /)
      .filter(Boolean)
      .map((line) => [at, line]),
  );

  test.for(lines)('%s: %s', async ([, line = '']) => {
    const errand = /^(?:\w+=\$\()?(?:npm run -s errand --|npx node src\/cli\.ts|npx errand|errand) (.+?)\)?$/.exec(
      line,
    );
    if (errand?.[1]) return checkCommand(errand[1]);
    // `shipping.test.ts` packs it.
    const { name, version } = JSON.parse(textOf('package.json'));
    if (line === 'npm pack' || line === `npm install ../${name}/${name}-${version}.tgz`) return;
    const script = /^npm (?:run )?([\w:]+)(?: -- .+)?$/.exec(line)?.[1];
    if (script && script !== 'ci') return expect(JSON.parse(textOf('package.json')).scripts).toHaveProperty(script);
    const [, tested, title = ''] = /^npx (?:vitest run|node) (\S+)(?: -t '([^']+)')?$/.exec(line) ?? [];
    if (tested) return expect(existsSync(join(root, tested)) && textOf(tested).includes(title)).toBe(true);
    expect(line === 'npm ci' || SYSTEM.some((name) => line.startsWith(`${name} `))).toBe(true);
  });

  async function checkCommand(line: string): Promise<void> {
    const [command = '', ...args] = line.match(/"[^"]*"|\S+/g) ?? [];
    const { stdout } = await execute(process.execPath, [join(installed, 'dist/src/cli.js'), command, '--help']);
    const [usage = ''] = stdout.split('\n');
    expect(usage).toMatch(new RegExp(`^Usage: errand ${command}\\b`));
    const takesValue = (option = '') => option.startsWith('--') && stdout.includes(`${option} <`);
    const values = args.filter((arg, at) => !arg.startsWith('--') && !takesValue(args[at - 1]));
    for (const option of args.filter((arg) => arg.startsWith('--'))) expect(stdout).toContain(option);
    expect(values).toHaveLength(usage.match(/<[A-Z-]+>/g)?.length ?? 0);
    for (const file of values.filter((value) => value.includes('/'))) expect(existsSync(join(root, file))).toBe(true);
  }
});
