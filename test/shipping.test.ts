import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test } from 'vitest';
import { parse as parseYaml } from 'yaml';
import { z } from 'zod';
import { SHIPPED_FLAGS } from '../bench/errand-settings.ts';
import { loadConfig } from '../src/app/config.ts';
import { linksOf } from './helpers/markdown.ts';
import { root, textOf } from './helpers/pages.ts';

const execute = promisify(execFile);

/** The longest that giving back one resource may take, after the grace of a drain. */
const RELEASE_WITHIN_MS = 10_000;

const Service = z.looseObject({
  image: z.string(),
  build: z.string().optional(),
  command: z.union([z.string(), z.array(z.string())]),
  user: z.string().optional(),
  read_only: z.boolean(),
  cap_drop: z.array(z.string()),
  security_opt: z.array(z.string()),
  stop_grace_period: z.string(),
  tmpfs: z.array(z.string()).optional(),
  environment: z.record(z.string(), z.string()).optional(),
  volumes: z.array(z.string()).optional(),
  secrets: z.array(z.string()).optional(),
  ports: z.array(z.string()).optional(),
  profiles: z.array(z.string()).optional(),
  healthcheck: z.looseObject({ test: z.array(z.string()) }).optional(),
  deploy: z.looseObject({ replicas: z.number() }).optional(),
  depends_on: z.record(z.string(), z.strictObject({ condition: z.string() })).optional(),
});
const Compose = z.looseObject({
  services: z.record(z.string(), Service),
  secrets: z.record(z.string(), z.strictObject({ file: z.string() })),
});

const Packed = z.array(z.looseObject({ files: z.array(z.looseObject({ path: z.string() })) }));
const Pins = z.looseObject({ devDependencies: z.record(z.string(), z.string()) });

const PASSWORD = 'hexadecimal-password';
/** The compose file with its variable filled in, as compose does it. */
const composeText = textOf('docker-compose.yml').replaceAll(/\$\{REDIS_PASSWORD:\?[^}]*\}/g, PASSWORD);
const compose = Compose.parse(parseYaml(composeText, { merge: true }));
const services = Object.entries(compose.services);
const ours = services.filter(([, { build }]) => build !== undefined);

async function assertCommand([command = '', ...args]: string[]): Promise<void> {
  const { stdout } = await execute(process.execPath, [join(root, 'src/cli.ts'), command, '--help']);
  expect(stdout).toMatch(new RegExp(`^Usage: errand ${command}\\b`));
  for (const option of args.filter((arg) => arg.startsWith('--'))) expect(stdout).toContain(`${option} `);
}

describe('the Dockerfile', () => {
  const text = textOf('Dockerfile').replaceAll('\\\n', ' ');
  const instructions = text.split('\n').filter((line) => /^[A-Z]+ /.test(line));
  const [buildStage = [], runtime = []] = stagesOf(instructions);
  const argumentOf = (name: string) => runtime.find((line) => line.startsWith(`${name} `))?.slice(name.length + 1);

  function stagesOf(lines: string[]): string[][] {
    const starts = lines.flatMap((line, at) => (line.startsWith('FROM ') ? [at] : []));
    return starts.map((start, stage) => lines.slice(start, starts[stage + 1]));
  }

  test('builds in one stage and ships another, both on the Node of the package', () => {
    expect(buildStage[0]).toBe('FROM node:24-bookworm-slim AS build');
    expect(runtime[0]).toBe('FROM node:24-bookworm-slim');
    expect(buildStage).toContain('RUN npm ci');
    expect(buildStage.join('\n')).toMatch(/RUN npm run build [\s\S]* cc [\s\S]*guard\.c[\s\S]* npm prune --omit=dev/);
  });

  test('ships what was built and what it needs, and no source', () => {
    const copied = runtime.filter((line) => line.startsWith('COPY ')).map((line) => line.split(' ').slice(1, 3));
    expect(copied).toEqual(['package.json', 'node_modules', 'dist'].map((name) => ['--from=build', `/app/${name}`]));
    expect(JSON.parse(textOf('package.json')).bin.errand).toBe('dist/src/cli.js');
  });

  test('runs Node with the flags that the bench measures', () => {
    expect(argumentOf('ENV')?.split(/\s+/)).toContain(`NODE_OPTIONS=${SHIPPED_FLAGS.join(' ')}`);
  });

  test('runs one worker under tini as a user without rights, and stops it with SIGTERM', async () => {
    expect(JSON.parse(argumentOf('ENTRYPOINT') ?? '')).toEqual(['tini', '-g', '--', 'node', 'dist/src/cli.js']);
    expect(argumentOf('USER')).toBe('10001:10001');
    expect(argumentOf('STOPSIGNAL')).toBe('SIGTERM');
    await assertCommand(JSON.parse(argumentOf('CMD') ?? ''));
  });

  test('asks the port that the configuration has by default for its health', () => {
    const { health_port: port } = loadConfig({ ERRAND_CONFIG: '/dev/null' }).worker;
    expect(argumentOf('HEALTHCHECK')).toContain(`process.env.ERRAND_HEALTH_PORT || ${port}}/healthz`);
    expect(argumentOf('EXPOSE')).toBe(String(port));
  });

  test('writes to its volume only', () => {
    const environment = argumentOf('ENV') ?? '';
    expect(environment).toContain('NODE_ENV=production');
    const workspaces = /ERRAND_WORKSPACE_ROOT=(\S+)/.exec(environment)?.[1] ?? '';
    expect(workspaces.startsWith(`${argumentOf('VOLUME')}/`)).toBe(true);
  });

  test('gets everything its build copies, and neither secrets nor dependencies', () => {
    const [everything, ...kept] = textOf('.dockerignore').trim().split('\n');
    expect(everything).toBe('*');
    expect(kept).toEqual(
      expect.arrayContaining(['!package.json', '!package-lock.json', '!.npmrc', '!src', '!dashboards']),
    );
    expect(kept.every((line) => line.startsWith('!'))).toBe(true);
    expect(kept.filter((line) => /secrets|node_modules|\.env|\.git/.test(line))).toEqual([]);
  });
});

describe('the package', () => {
  let paths: readonly string[];
  beforeAll(async () => {
    const flags = ['pack', '--dry-run', '--json', '--ignore-scripts'];
    const { stdout } = await execute('npm', flags, {
      cwd: root,
      env: { ...process.env, npm_config_loglevel: 'silent' },
    });
    paths = Packed.parse(JSON.parse(stdout)).flatMap(({ files }) => files.map(({ path }) => path));
  });

  test('holds what was built and the pages about it, and no tool of a check', () => {
    expect(paths).toContain('README.md');
    const expected =
      /^(dist\/|docs\/.+\.md$|(LICENSE|README\.md|CHANGELOG\.md|SECURITY\.md|package\.json|errand\.config\.example\.yaml)$)/;
    expect(paths.filter((path) => !expected.test(path))).toEqual([]);
  });

  test('has what its pages link to, unless a page says that only a clone has it', () => {
    const packed = paths.filter((path) => path.endsWith('.md'));
    expect(packed.length).toBeGreaterThan(50);
    const dead = packed.flatMap((file) => {
      const [, inClone = ''] = /Only a clone has ([^.]+)\./.exec(textOf(file)) ?? [];
      const targets = linksOf(textOf(file)).filter((target) => !/^(https?:|#)/.test(target));
      const linked = new Set(targets.map((target) => join(dirname(file), target.split('#')[0] ?? '')));
      const missing = [...linked].filter((path) => !paths.includes(path));
      return missing
        .filter((path) => !inClone.includes(`\`${path.split('/')[0]}/\``))
        .map((path) => `${file}: ${path}`);
    });
    expect(dead).toEqual([]);
  });

  test('keeps the tools of checks in a separate package, pinned and without addresses', () => {
    const tools = Pins.parse(JSON.parse(textOf('checks/package.json'))).devDependencies;
    expect(Object.values(tools).filter((version) => !/^\d+\.\d+\.\d+$/.test(version))).toEqual([]);
    expect(textOf('checks/package-lock.json')).not.toMatch(/"resolved"|https?:/);
    for (const name of Object.keys(tools)) {
      expect(textOf('checks/package-lock.json')).toContain(`node_modules/${name}`);
      expect(textOf('package-lock.json')).not.toContain(name);
    }
  });
});

describe('the compose file', () => {
  test('has Redis, two workers, the board, and a simulator on request', () => {
    expect(services.map(([name]) => name)).toEqual(['redis', 'worker', 'board', 'simulator']);
    expect(compose.services.worker?.deploy?.replicas).toBe(2);
    expect(services.filter(([, { profiles }]) => profiles !== undefined).map(([name]) => name)).toEqual(['simulator']);
  });

  test('gives Redis the settings that the promises depend on', () => {
    expect(compose.services.redis?.command).toBe(
      `redis-server --appendonly yes --maxmemory-policy noeviction --lazyfree-lazy-user-del yes --requirepass ${PASSWORD}`,
    );
    expect(compose.services.redis?.image).toBe('redis:7');
    expect(compose.services.redis?.volumes).toEqual(['redis:/data']);
  });

  test('gives Redis a password from the environment, and everybody the same one', () => {
    expect(textOf('docker-compose.yml')).not.toContain(PASSWORD);
    expect(compose.services.redis?.environment).toEqual({ REDISCLI_AUTH: PASSWORD });
    const addresses = new Set(ours.flatMap(([, { environment }]) => environment?.REDIS_URL ?? []));
    expect([...addresses]).toEqual([`redis://:${PASSWORD}@redis:6379`]);
  });

  test.for(services)('%s has a read-only file system and no rights to gain', ([, service]) => {
    expect(service.read_only).toBe(true);
    expect(service.cap_drop).toEqual(['ALL']);
    expect(service.security_opt).toEqual(['no-new-privileges:true']);
  });

  test.for(ours)('%s runs a command that there is, and gets time to drain', async ([, service]) => {
    await assertCommand([service.command].flat());
    const { drain_grace_ms: grace } = loadConfig({ ERRAND_CONFIG: join(root, 'errand.config.example.yaml') }).worker;
    const seconds = Number(/^(\d+)s$/.exec(service.stop_grace_period)?.[1]);
    expect(seconds * 1000).toBeGreaterThan(grace + RELEASE_WITHIN_MS);
  });

  test('publishes the board on loopback and nothing else', () => {
    const published = services.flatMap(([name, { ports = [] }]) => ports.map((port) => [name, port]));
    expect(published).toEqual([['board', '127.0.0.1:3000:3000']]);
  });

  test('every service says whether it is well, the worker through its image', () => {
    const silent = services.filter(([, { healthcheck }]) => healthcheck === undefined).map(([name]) => name);
    expect(silent).toEqual(['worker']);
    const waiting = services.filter(([, { depends_on }]) => depends_on?.redis?.condition === 'service_healthy');
    expect(waiting.map(([name]) => name)).toEqual(['worker', 'board']);
  });

  test('hands secrets over as files, and every one that is named is mounted', () => {
    for (const [, { environment = {}, secrets = [] }] of ours) {
      const files = Object.entries(environment).filter(([name]) => name.endsWith('_FILE'));
      expect(files.map(([, path]) => path)).toEqual(secrets.map((name) => `/run/secrets/${name}`));
      expect(Object.keys(environment).filter((name) => /(_KEY|PASSWORD|TOKEN)$/.test(name))).toEqual([]);
      for (const name of secrets) expect(compose.secrets).toHaveProperty(name);
    }
  });

  test('its variables and its mounted configuration are ones that Errand reads', () => {
    const environment = compose.services.board?.environment ?? {};
    const mounted = compose.services.board?.volumes?.[0]?.split(':') ?? [];
    expect(existsSync(join(root, mounted[0] ?? ''))).toBe(true);
    expect(environment.ERRAND_CONFIG).toBe(mounted[1]);
    const config = loadConfig({ ...environment, ERRAND_CONFIG: join(root, mounted[0] ?? '') });
    expect(config.redis?.place).toEqual({ kind: 'server', host: 'redis', port: 6379 });
    expect(config.board).toMatchObject({ host: '0.0.0.0', port: 3000 });
    expect(config.providers.map(({ base_url }) => base_url)).toContain('http://simulator:4010/v1');
  });
});
