import { dirname, join } from 'node:path/posix';

/** Source texts by their path from the root of the repository. */
export type Sources = Record<string, string>;

/** One breach of the floor plan: which rule, where, and what is wrong. */
export type Breach = { rule: Rule; file: string; detail: string };

export type Rule =
  | 'every file has a room'
  | 'imports point down'
  | 'packages stay in their rooms'
  | 'one reader of process.env'
  | 'no import cycle'
  | 'no export *'
  | 'one noun per file'
  | 'secrets leave in few places'
  | 'one maker of servers'
  | 'the library is free of providers';

const MAX_LINES = 250;

/** The floors of the house, as CONTRIBUTING.md draws them. On the ground floor, the contract stands on the base. */
export const FLOORS: Record<string, number> = {
  cli: 8,
  entries: 8,
  app: 7,
  dashboards: 6,
  simulator: 6,
  worker: 5,
  producer: 5,
  tools: 4,
  agent: 3,
  routes: 3,
  queue: 2,
  records: 2,
  credentials: 2,
  processes: 2,
  providers: 2,
  outbound: 2,
  telemetry: 1,
  redis: 1,
  catalogue: 1,
  contract: 0,
  base: -1,
};

/** Two rooms are outbuildings of the plan: the app opens them, and they see only what is named here. */
const VIEWS: Record<string, readonly string[]> = {
  dashboards: ['queue', 'redis', 'telemetry', 'contract', 'base'],
  simulator: ['contract', 'base'],
};

const PACKAGES: Record<string, RegExp> = {
  bullmq: /^src\/queue\//,
  ioredis: /^src\/redis\//,
  openai: /^src\/providers\//,
  '@anthropic-ai/sdk': /^src\/providers\//,
  undici: /^src\/(providers\/(fetch|connections)|outbound\/outbound)\.ts$/,
  'ipaddr.js': /^src\/outbound\/address\.ts$/,
  '@modelcontextprotocol/client': /^src\/tools\/mcp\//,
  'eventsource-parser': /^src\/providers\/event-stream\.ts$/,
  '@pydantic/genai-prices': /^src\/catalogue\/prices\.ts$/,
  pino: /^src\/telemetry\//,
  'pino-pretty': /^src\/telemetry\//,
  'prom-client': /^src\/telemetry\/series\.ts$/,
  zod: /^src\/(contract\/|agent\/|tools\/|app\/config|catalogue\/provider\.ts$|simulator\/(script|directive)\.ts$)/,
  hono: /^(dashboards\/|src\/app\/health-server\.ts$)/,
  '@hono/node-server': /^(dashboards\/|src\/app\/health-server\.ts$)/,
  '@bull-board/api': /^(dashboards\/|src\/app\/health-server\.ts$)/,
  '@bull-board/hono': /^(dashboards\/|src\/app\/health-server\.ts$)/,
  commander: /^src\/(cli|app\/command-line)\.ts$/,
  yaml: /^src\/app\//,
  'log-update': /^src\/app\//,
};

const MAY_REVEAL =
  /^(src\/base\/secret\.ts|src\/providers\/fetch\.ts|src\/credentials\/.*|src\/tools\/mcp\/environment\.ts|src\/redis\/(target|tls)\.ts|dashboards\/(guards|login)\.ts)$/;
/** The one file that makes servers. It gives each server its limits and its end. */
const MAKES_SERVERS = 'src/contract/http-server.ts';
const SERVER_MADE =
  /\b(createServer|createSecureServer|createAdaptorServer|createSocket)\b|\.\s*listen\s*\(|\bnew\s+(?:\w+\.)?Server\b|\bserve\b[^'"]*\bfrom\s*'@hono\/node-server'/;
/** A producer knows providers as data. It never loads the code that calls them. */
const FOREIGN_TO_LIBRARY =
  /^(openai|@anthropic-ai\/sdk|undici|eventsource-parser|@pydantic\/genai-prices|src\/providers\/.*|src\/agent\/.*)$/;

/** Checks sources against the floor plan of the design and returns every breach, file by file. */
export function checkFloorPlan(sources: Sources): Breach[] {
  const code = Object.entries(sources).map(([file, text]) => ({ file, text, ...read(file, text) }));
  const graph = new Map(code.map(({ file, imports }) => [file, imports]));
  return [
    ...code.flatMap(({ file, imports }) => imports.flatMap((target) => checkImport(file, target))),
    ...code.flatMap(({ file, text, bare }) => checkText(file, text, bare)),
    ...cyclesIn(graph),
    ...checkLibrary(graph),
  ];
}

/** Returns the imports of a file: files by their path, packages by their name, without built-ins. */
export function importsOf(file: string, text: string): string[] {
  return read(file, text).imports;
}

/** The code without comments, and what it imports: files by their path, packages by their name, built-ins left out. */
function read(file: string, text: string): { bare: string; imports: string[] } {
  const bare = text.replace(
    /('(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`)|\/\*[\s\S]*?\*\/|\/\/.*/g,
    '$1',
  );
  const statements = bare.matchAll(/\b(?:import|export)\b(?:[\w\s{},*$]*?\bfrom)?\s*\(?\s*['"]([^'"]+)['"]/g);
  const specifiers = [...statements].map((match) => match[1] ?? '').filter((name) => !name.startsWith('node:'));
  return { bare, imports: [...new Set(specifiers.map((name) => targetOf(file, name)))] };
}

function targetOf(file: string, specifier: string): string {
  if (specifier.startsWith('.')) return join(dirname(file), specifier);
  const parts = specifier.split('/');
  return parts.slice(0, specifier.startsWith('@') ? 2 : 1).join('/');
}

function isFile(target: string): boolean {
  return /\/.*\.\w+$/.test(target);
}

/** The room of a file: the directory under `src/`, or `dashboards`. */
export function roomOf(file: string): string {
  if (file === 'src/errors.ts') return 'contract';
  if (file === 'src/cli.ts') return 'cli';
  return /^(?:src\/)?([\w-]+)\//.exec(file)?.[1] ?? 'none';
}

function isRoom(name: string): boolean {
  return name in FLOORS;
}

function checkImport(file: string, target: string): Breach[] {
  if (isFile(target)) {
    if (!isRoom(roomOf(file)) || sees(roomOf(file), roomOf(target))) return [];
    return [{ rule: 'imports point down', file, detail: `imports ${target}` }];
  }
  if (PACKAGES[target]?.test(file)) return [];
  return [{ rule: 'packages stay in their rooms', file, detail: `imports the package ${target}` }];
}

function sees(from: string, to: string): boolean {
  if (from === to) return true;
  if (!isRoom(to)) return false;
  const isBelow = (FLOORS[from] ?? -1) > (FLOORS[to] ?? Number.POSITIVE_INFINITY);
  return isBelow && (VIEWS[from]?.includes(to) ?? true);
}

function checkText(file: string, text: string, bare: string): Breach[] {
  const breaches: Breach[] = [];
  if (!isRoom(roomOf(file)))
    breaches.push({ rule: 'every file has a room', file, detail: 'is in no room of the design' });
  const lines = text.trimEnd().split('\n').length;
  if (lines > MAX_LINES) breaches.push({ rule: 'one noun per file', file, detail: `has ${lines} lines` });
  if (/^\s*export\s+\*/m.test(bare)) breaches.push({ rule: 'no export *', file, detail: 'exports *' });
  if (file !== 'src/app/config.ts' && /\bprocess\s*(\.\s*env\b|\[)|from 'node:process'/.test(bare))
    breaches.push({ rule: 'one reader of process.env', file, detail: 'reads the environment' });
  if (!MAY_REVEAL.test(file) && /\.reveal\s*\(/.test(bare))
    breaches.push({ rule: 'secrets leave in few places', file, detail: 'reveals a secret' });
  if (file !== MAKES_SERVERS && SERVER_MADE.test(bare))
    breaches.push({ rule: 'one maker of servers', file, detail: 'makes a server' });
  return breaches;
}

/** The files among these sources, outside of the house too, that make a server. */
export function serverMakersIn(sources: Sources): string[] {
  return Object.entries(sources)
    .filter(([file, text]) => SERVER_MADE.test(read(file, text).bare))
    .map(([file]) => file);
}

/** Every cycle once, found by a depth-first search that remembers the path it is on. */
function cyclesIn(graph: ReadonlyMap<string, string[]>): Breach[] {
  const breaches: Breach[] = [];
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]): void => {
    const start = path.indexOf(file);
    if (start >= 0) breaches.push({ rule: 'no import cycle', file, detail: [...path.slice(start), file].join(' → ') });
    if (start >= 0 || done.has(file)) return;
    for (const target of graph.get(file) ?? []) visit(target, [...path, file]);
    done.add(file);
  };
  for (const file of graph.keys()) visit(file, []);
  return breaches;
}

/**
 * The producer library must be light: none of its imports, direct or indirect, may load a provider's SDK or the agent.
 */
function checkLibrary(graph: ReadonlyMap<string, string[]>): Breach[] {
  const library = 'src/entries/producer.ts';
  const reached = new Set<string>([library]);
  for (const file of reached) for (const target of graph.get(file) ?? []) reached.add(target);
  return [...reached]
    .filter((target) => FOREIGN_TO_LIBRARY.test(target))
    .map((target) => ({ rule: 'the library is free of providers', file: library, detail: `reaches ${target}` }));
}
