import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { checkFloorPlan, type Rule, type Sources, serverMakersIn } from './helpers/floor-plan.ts';
import { measureHouse } from './house/house.ts';

const root = join(import.meta.dirname, '..');

function sourcesOf(...patterns: string[]): Sources {
  const files = globSync(patterns, { cwd: root });
  return Object.fromEntries(files.map((file) => [file, readFileSync(join(root, file), 'utf8')]));
}

function rulesBrokenBy(sources: Sources): Rule[] {
  return [...new Set(checkFloorPlan(sources).map(({ rule }) => rule))];
}

test('the sources keep to the floor plan', () => {
  const sources = sourcesOf('src/**/*.ts', 'dashboards/**/*.ts');
  expect(Object.keys(sources).length).toBeGreaterThan(20);
  expect(checkFloorPlan(sources).map(({ rule, file, detail }) => `${file} ${detail} (${rule})`)).toEqual([]);
});

describe('the house has', () => {
  const house = measureHouse(sourcesOf('src/**/*.ts', 'dashboards/**/*.ts'));

  test('no function with more than four parameters: one value with names says more', () => {
    expect(house.manyParameters).toEqual([]);
  });

  test('no function of more than forty lines', () => {
    expect(house.longFunctions).toEqual([]);
  });

  test('no class with a public field that others can write', () => {
    expect(house.mutableFields).toEqual([]);
  });

  test('no file that only hands on what others export', () => {
    expect(house.reexports).toEqual([]);
  });

  test('no state of a module: what changes belongs to an object that is made once', () => {
    expect(house.mutableState).toEqual([]);
  });
});

test('every server of sources, examples, scripts and benchmarks is made in one place', () => {
  const sources = sourcesOf('{src,dashboards,examples,scripts,bench}/**/*.{ts,js,mjs}');
  expect(serverMakersIn(sources)).toEqual(['src/contract/http-server.ts']);
});

describe('the floor plan reports', () => {
  test.each([
    ['a room that looks up', 'src/queue/a.ts', "import { a } from '../worker/a.ts';"],
    ['a type imported from above', 'src/contract/a.ts', "import type { A } from '../queue/a.ts';"],
    ['a room that sees its neighbour', 'src/records/a.ts', "import { a } from '../queue/a.ts';"],
    ['a neighbour imported on demand', 'src/records/a.ts', "const a = await import('../queue/a.ts');"],
    ['a neighbour in a type', 'src/records/a.ts', "type A = import('../queue/a.ts').A;"],
    ['a neighbour passed on', 'src/records/a.ts', "export {\n  a,\n} from '../queue/a.ts';"],
    ['a neighbour imported for its effect', 'src/records/a.ts', "import '../queue/a.ts';"],
    ['the base that knows the domain', 'src/base/a.ts', "import { a } from '../errors.ts';"],
    ['a simulator that looks beyond the contract', 'src/simulator/a.ts', "import { a } from '../providers/a.ts';"],
    ['product code that leans on the simulator', 'src/worker/a.ts', "import { a } from '../simulator/a.ts';"],
    ['a dashboard that sees the agent', 'dashboards/a.ts', "import { a } from '../src/agent/a.ts';"],
    ['an app that imports the command', 'src/app/a.ts', "import { a } from '../cli.ts';"],
    ['a room that leaves the house', 'src/app/a.ts', "import { a } from '../../test/helpers/a.ts';"],
  ])('%s', (_title, file, text) => {
    expect(rulesBrokenBy({ [file]: text })).toEqual(['imports point down']);
  });

  test('a file in a room that the design does not have', () => {
    expect(rulesBrokenBy({ 'src/utils/a.ts': "import { a } from '../base/a.ts';" })).toEqual(['every file has a room']);
    expect(rulesBrokenBy({ 'src/other.ts': "import { a } from './base/a.ts';" })).toEqual(['every file has a room']);
  });

  test.each([
    ['bullmq', 'src/worker/a.ts'],
    ['ioredis', 'src/app/a.ts'],
    ['openai', 'src/agent/a.ts'],
    ['openai/helpers/zod', 'src/simulator/a.ts'],
    ['@anthropic-ai/sdk', 'src/app/a.ts'],
    ['@pydantic/genai-prices', 'src/contract/a.ts'],
    ['ipaddr.js', 'src/tools/a.ts'],
    ['undici', 'src/tools/a.ts'],
    ['pino', 'src/worker/a.ts'],
    ['prom-client', 'dashboards/a.ts'],
    ['zod', 'src/queue/a.ts'],
    ['hono', 'src/app/metrics.ts'],
    ['@bull-board/api/bullMQAdapter', 'src/queue/a.ts'],
    ['commander', 'src/app/a.ts'],
    ['a-package-nobody-knows', 'src/app/a.ts'],
  ])('the package %s in %s', (name, file) => {
    expect(rulesBrokenBy({ [file]: `import { a } from '${name}';` })).toEqual(['packages stay in their rooms']);
  });

  test.each([
    ['const { HOME } = process.env;'],
    ["const home = process['env'].HOME;"],
    ["import { env } from 'node:process';"],
  ])('a second reader of the environment: %s', (text) => {
    expect(rulesBrokenBy({ 'src/worker/a.ts': text })).toEqual(['one reader of process.env']);
    expect(rulesBrokenBy({ 'src/app/config.ts': text })).toEqual([]);
  });

  test('a cycle once, with its files in order, types included', () => {
    const breaches = checkFloorPlan({
      'src/queue/a.ts': "import { b } from './b.ts';",
      'src/queue/b.ts': "import type { C } from './c.ts';",
      'src/queue/c.ts': "import { a } from './a.ts';",
      'src/queue/d.ts': "import { a } from './a.ts';",
    });
    expect(breaches).toEqual([
      {
        rule: 'no import cycle',
        file: 'src/queue/a.ts',
        detail: 'src/queue/a.ts → src/queue/b.ts → src/queue/c.ts → src/queue/a.ts',
      },
    ]);
  });

  test('export * in both of its forms', () => {
    expect(rulesBrokenBy({ 'src/queue/a.ts': "export * from './b.ts';" })).toEqual(['no export *']);
    expect(rulesBrokenBy({ 'src/queue/a.ts': "export * as b from './b.ts';" })).toEqual(['no export *']);
  });

  test('a file that has grown too long', () => {
    expect(rulesBrokenBy({ 'src/queue/a.ts': 'a;\n'.repeat(250) })).toEqual([]);
    expect(rulesBrokenBy({ 'src/queue/a.ts': 'a;\n'.repeat(251) })).toEqual(['one noun per file']);
  });

  test('a secret revealed where it has no business', () => {
    const text = 'const value = credential.secret.reveal();';
    expect(rulesBrokenBy({ 'src/worker/a.ts': text })).toEqual(['secrets leave in few places']);
    expect(rulesBrokenBy({ 'src/providers/fetch.ts': text })).toEqual([]);
  });

  test.each([
    ["import { createServer } from 'node:http';", 'src/contract/a.ts'],
    ["import { createServer as make } from 'node:net';", 'src/app/a.ts'],
    ["import http from 'node:http';\nconst a = new http.Server();", 'src/app/a.ts'],
    ["const { createSecureServer } = await import('node:http2');", 'src/app/a.ts'],
    ["import { serve } from '@hono/node-server';", 'src/app/health-server.ts'],
    ["import { createAdaptorServer } from '@hono/node-server';", 'dashboards/a.ts'],
    ['server.listen(0);', 'dashboards/a.ts'],
  ])('a second maker of servers: %s', (text, file) => {
    expect(rulesBrokenBy({ [file]: text })).toEqual(['one maker of servers']);
    expect(rulesBrokenBy({ 'src/contract/http-server.ts': text })).not.toContain('one maker of servers');
  });

  test('a library that reaches a provider by a detour', () => {
    const breaches = checkFloorPlan({
      'src/entries/producer.ts': "import { produce } from '../app/produce.ts';",
      'src/app/produce.ts': "import type { Model } from '../providers/models.ts';",
      'src/providers/models.ts': "import OpenAI from 'openai';",
    });
    expect(breaches.map(({ rule, detail }) => [rule, detail])).toEqual([
      ['the library is free of providers', 'reaches src/providers/models.ts'],
      ['the library is free of providers', 'reaches openai'],
    ]);
  });
});

describe('the floor plan allows', () => {
  test.each([
    [
      'the worker to look down',
      'src/worker/a.ts',
      "import { a } from '../agent/a.ts';\nimport { b } from '../base/b.ts';",
    ],
    ['the app to open the dashboards', 'src/app/a.ts', "import { a } from '../../dashboards/a.ts';"],
    ['the command to run the simulator', 'src/cli.ts', "import { a } from './simulator/a.ts';"],
    ['the contract to name what can go wrong', 'src/contract/a.ts', "import { a } from '../errors.ts';"],
    [
      'what is only said in a comment',
      'src/worker/a.ts',
      "// process.env, import x from 'bullmq'\n/** secret.reveal() */",
    ],
    ['an address in a string', 'src/app/config.ts', "const a = 'http://host'; const b = process.env.B;"],
  ])('%s', (_title, file, text) => {
    expect(checkFloorPlan({ [file]: text })).toEqual([]);
  });
});
