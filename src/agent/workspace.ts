import { constants } from 'node:fs';
import { lstat, mkdir, open, readdir, realpath } from 'node:fs/promises';
import { dirname, isAbsolute, join, relative, sep } from 'node:path';
import { z } from 'zod';
import type { Answer } from '../contract/outcome.ts';
import { defineTool, type Tool } from './tools.ts';

const MOST_FILES = 1000;
const FILE_BYTES = 1024 * 1024;
/** Files whose contents go into the answer: small ones, and few. */
const ANSWER_FILES = 50;
const ANSWER_FILE_BYTES = 8 * 1024;

const path = z.string().min(1).max(500).describe('Path relative to the workspace, with "/" between folders.');

/**
 * Resolves a path inside the workspace. Refuses absolute paths, `..` and symbolic links on the way, so that no tool
 * call reaches a file outside, also not through a link that an earlier call made.
 */
async function inside(root: string, given: string): Promise<string> {
  const target = join(root, given);
  const within = relative(root, target);
  if (isAbsolute(given) || given.includes('\0') || within === '..' || within.startsWith(`..${sep}`)) {
    throw new Error(`"${given}" is outside the workspace`);
  }
  let step = await realpath(root);
  for (const part of within.split(sep).filter(Boolean)) {
    step = join(step, part);
    const found = await lstat(step).catch(() => null);
    if (found === null) break;
    if (found.isSymbolicLink()) throw new Error(`"${given}" passes through a symbolic link`);
  }
  return join(await realpath(root), within);
}

async function* walk(root: string, folder = ''): AsyncGenerator<{ path: string; bytes: number }> {
  const entries = await readdir(join(root, folder), { withFileTypes: true });
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const at = folder ? `${folder}/${entry.name}` : entry.name;
    if (entry.isDirectory()) yield* walk(root, at);
    else if (entry.isFile()) yield { path: at, bytes: (await lstat(join(root, at))).size };
  }
}

async function listFiles(root: string, most: number): Promise<{ path: string; bytes: number }[]> {
  const files: { path: string; bytes: number }[] = [];
  for await (const file of walk(root)) {
    if (files.length >= most) break;
    files.push(file);
  }
  return files;
}

async function readInside(root: string, given: string): Promise<string> {
  const file = await open(await inside(root, given), constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const { size } = await file.stat();
    if (size > FILE_BYTES) throw new Error(`"${given}" has ${size} bytes; the limit is ${FILE_BYTES}`);
    return await file.readFile('utf8');
  } finally {
    await file.close();
  }
}

async function writeInside(root: string, given: string, text: string): Promise<void> {
  const target = await inside(root, given);
  if (Buffer.byteLength(text) > FILE_BYTES) throw new Error(`a file holds at most ${FILE_BYTES} bytes`);
  const files = await listFiles(root, MOST_FILES);
  if (files.length >= MOST_FILES) throw new Error(`a workspace holds at most ${MOST_FILES} files`);
  await mkdir(dirname(target), { recursive: true });
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW;
  const file = await open(target, flags, 0o600);
  try {
    await file.writeFile(text);
  } finally {
    await file.close();
  }
}

/** The toolset `workspace`: list, read and write files in the directory of the attempt. */
export function workspaceTools(root: string): Tool[] {
  return [
    defineTool({
      name: 'list_files',
      description: 'Lists the files of your workspace with their sizes in bytes.',
      effect: 'read',
      parameters: z.strictObject({}),
      run: async () => {
        const files = await listFiles(root, MOST_FILES);
        return files.map((file) => `${file.path} (${file.bytes} bytes)`).join('\n') || 'The workspace is empty.';
      },
    }),
    defineTool({
      name: 'read_file',
      description: 'Reads a text file of your workspace.',
      effect: 'read',
      parameters: z.strictObject({ path }),
      run: async (args) => readInside(root, args.path),
    }),
    defineTool({
      name: 'write_file',
      description: 'Writes a text file in your workspace, replacing what was there; folders are made as needed.',
      effect: 'idempotent',
      parameters: z.strictObject({ path, content: z.string() }),
      run: async (args) => {
        await writeInside(root, args.path, args.content);
        return `Wrote ${Buffer.byteLength(args.content)} bytes to ${args.path}.`;
      },
    }),
  ];
}

/** The files of a workspace for the answer: all names and sizes, and the contents of small ones. */
export async function collectFiles(root: string): Promise<Answer['files']> {
  const files = await listFiles(root, MOST_FILES);
  return Promise.all(
    files.map(async (file, position) => {
      if (position >= ANSWER_FILES || file.bytes > ANSWER_FILE_BYTES) return file;
      return { ...file, text: await readInside(root, file.path) };
    }),
  );
}
