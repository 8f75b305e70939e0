import { createHash, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { expect, onTestFinished } from 'vitest';
import { openRedis } from './redis.ts';

/**
 * One command as Redis ran it: who sent it, or whose script ran it. A subcommand belongs to the name: `client|list`.
 */
export type Seen = { role: string; command: string; args: string[]; isInScript: boolean };

/** A port on loopback through which one role reaches Redis. `cut` breaks its connections. */
export type Door = { port: number; cut: () => void };

/** Separates the commands of each role on one Redis. */
export type RoleMonitor = {
  /** Opens a door for a role: its connections are known by their ports. */
  open: (role: string) => Promise<Door>;
  /** The commands that the roles have sent so far, in order. */
  seen: () => Promise<Seen[]>;
};

/** Commands whose rights are given for each subcommand. */
const CONTAINERS: ReadonlySet<string> = new Set(['client', 'config', 'cluster', 'script', 'acl', 'object', 'memory']);
const WAIT = { timeout: 10_000, interval: 10 };

/**
 * Watches what each role sends to the Redis of `url`, with MONITOR. A command in a script comes from `lua` and follows
 * the command that runs the script.
 */
export async function monitorRoles(url: string): Promise<RoleMonitor> {
  const roles = new Map<string, string>();
  const lines: { source: string; words: string[]; isInScript: boolean }[] = [];
  let caller = '';
  await monitor(new URL(url), (source, words) => {
    const isInScript = source === 'lua';
    if (!isInScript) caller = source;
    lines.push({ source: caller, words, isInScript });
  });
  const admin = openRedis(url);
  return {
    open: (role) => openDoor(new URL(url), (source) => roles.set(source, role)),
    seen: async () => {
      const mark = randomUUID();
      await admin.echo(mark);
      await expect.poll(() => lines.some(({ words }) => words[1] === mark), WAIT).toBe(true);
      return lines.flatMap(({ source, words, isInScript }) => {
        const role = roles.get(source);
        return role === undefined ? [] : [{ role, ...commandOf(words), isInScript }];
      });
    },
  };
}

/**
 * The commands that each role may need: those it sent, and all that the scripts it ran name, since which of them a
 * script runs depends on the data.
 */
export function usedBy(role: string, seen: readonly Seen[]): Set<string> {
  const texts = new Map<string, string>();
  for (const { command, args } of seen) {
    const text = command === 'eval' ? args[0] : command === 'script|load' ? args[1] : undefined;
    if (text !== undefined) texts.set(createHash('sha1').update(text).digest('hex'), text);
  }
  const used = new Set<string>();
  for (const one of seen) {
    if (one.role !== role) continue;
    used.add(one.command);
    const [script = ''] = one.args;
    const text = one.command === 'eval' ? script : one.command === 'evalsha' ? texts.get(script) : '';
    if (text === undefined) throw new Error(`no client sent the script ${script}`);
    for (const command of commandsIn(text)) used.add(command);
  }
  return used;
}

/** The commands that the text of a script names. */
function commandsIn(lua: string): string[] {
  const calls = lua.matchAll(/\b(?:redis\.p?call|rcall)\(\s*["'](\w+)["']/g);
  return [...calls].map(([, name = '']) => name.toLowerCase());
}

function commandOf([name = '', ...args]: string[]): { command: string; args: string[] } {
  const command = name.toLowerCase();
  const [first = ''] = args;
  return { command: CONTAINERS.has(command) ? `${command}|${first.toLowerCase()}` : command, args };
}

/** Calls `onCommand` with who sent each command, and its words. The client of ioredis splits the words wrongly. */
async function monitor(
  { hostname, port, username, password }: URL,
  onCommand: (source: string, words: string[]) => void,
): Promise<void> {
  const socket = connect(Number(port), hostname);
  onTestFinished(() => void socket.destroy());
  socket.setEncoding('latin1').write(`AUTH ${username} ${password}\r\nMONITOR\r\n`);
  const lines = createInterface({ input: socket });
  const started = once(lines, 'line');
  lines.on('line', (line) => {
    const [, source, words] = /^\+\d+\.\d+ \[\d+ (\S+)\] (.*)$/.exec(line) ?? [];
    if (source !== undefined && words !== undefined) onCommand(source, wordsOf(words));
  });
  await started;
}

const ESCAPES: Record<string, string> = { n: '\n', r: '\r', t: '\t', a: '\x07', b: '\b' };

/** Reads the quoted words of a line of MONITOR. */
function wordsOf(text: string): string[] {
  const unescaped = (word: string) =>
    word.replace(/\\(?:x([0-9a-f]{2})|(.))/g, (_whole, hex?: string, char = '') =>
      hex === undefined ? (ESCAPES[char] ?? char) : String.fromCharCode(Number.parseInt(hex, 16)),
    );
  const words = [...text.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, word = '']) => unescaped(word));
  return words.map((word) => Buffer.from(word, 'latin1').toString());
}

async function openDoor({ hostname, port: target }: URL, onConnected: (source: string) => void): Promise<Door> {
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(Number(target), hostname, () => onConnected(`${far.localAddress}:${far.localPort}`));
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket));
      socket.on('error', () => undefined);
    }
    near.pipe(far).pipe(near);
  });
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
    cut();
  });
  const address = server.address();
  return { port: typeof address === 'object' && address ? address.port : 0, cut };
}
