import { constants } from 'node:fs';
import { mkdir, open, rename, rmdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { WorkspaceLimits } from '../../contract/limits.ts';
import { type Changing, measure } from './measure.ts';
import { writeNew } from './new-file.ts';
import { lookUp, namesIn, walk } from './paths.ts';

/** The maximum size of one file, in bytes. */
export const MAX_FILE_BYTES = 1024 * 1024;

/** The folder of the files of the child, in the directory of the attempt. */
const FILES = 'files';
/** The file that is being written. It is beside the folder of the child, so that no tool can list, read or name it. */
const UNFINISHED = 'unfinished';

/** An allowed write. `folders`: to be made, in this order. `oldBytes`: `null` if there is no earlier file. */
type Plan = { path: string; folders: string[]; bytes: number; oldBytes: number | null };

/**
 * The files of one attempt on the disk, and their current number and size. Changes must run one after the other.
 *
 * Invariants
 * - Limits are checked before anything is made. Entries are files and folders together.
 * - A file is whole or absent: it is written beside the folder of the child, and renamed. A failure keeps the old file.
 * - The cost of a change does not grow with the number of files: nothing is listed after {@link WorkspaceFiles.open}.
 *   Commands change files too: {@link WorkspaceFiles.recount} follows each of them.
 */
export class WorkspaceFiles {
  /** The absolute path of the folder of the child. */
  readonly directory: string;
  readonly #home: string;
  readonly #limits: WorkspaceLimits;
  #entries = 0;
  #bytes = 0;

  private constructor(home: string, limits: WorkspaceLimits) {
    this.#home = home;
    this.directory = join(home, FILES);
    this.#limits = limits;
  }

  /** Makes the directory of an attempt if it is absent, and counts its files. @throws what the disk throws. */
  static async open(home: string, limits: WorkspaceLimits): Promise<WorkspaceFiles> {
    const files = new WorkspaceFiles(home, limits);
    await mkdir(files.directory, { recursive: true, mode: 0o700 });
    for await (const { bytes } of walk(files.directory)) {
      files.#entries += 1;
      files.#bytes += bytes;
    }
    return files;
  }

  /** The number of files and folders, and the bytes of all files. */
  get used(): { entries: number; bytes: number } {
    return { entries: this.#entries, bytes: this.#bytes };
  }

  /** Counts the files again. Returns the limit that they pass, as a sentence, or `null`. */
  async recount(changing: Changing): Promise<string | null> {
    const { entries, bytes, excess } = await measure(this.directory, this.#limits, changing);
    this.#entries = entries;
    this.#bytes = bytes;
    return excess;
  }

  /** Lists the files, sorted by path, at most as many as a workspace may have: commands may leave more. */
  async list(): Promise<{ path: string; bytes: number }[]> {
    const files: { path: string; bytes: number }[] = [];
    let entries = 0;
    for await (const { path, type, bytes } of walk(this.directory)) {
      if (type === 'file') files.push({ path, bytes });
      entries += 1;
      if (entries >= this.#limits.max_entries) break;
    }
    return files;
  }

  /** Reads a file. @throws Error, for the model to read, if the path names no file or the file is too large. */
  async read(given: string): Promise<Buffer> {
    const { found } = await lookUp(this.directory, namesIn(given));
    if (found === null) throw noFile(given);
    if (found.type !== 'file') throw new Error(`"${given}" is a folder; expected a file`);
    const file = await open(join(this.directory, found.path), constants.O_RDONLY | constants.O_NOFOLLOW);
    try {
      const { size } = await file.stat();
      if (size > MAX_FILE_BYTES) throw new Error(`"${given}" has ${size} bytes; the limit is ${MAX_FILE_BYTES}`);
      return await file.readFile();
    } finally {
      await file.close();
    }
  }

  /** Tells whether the path names something. @throws Error, for the model to read, if it leaves the workspace. */
  async has(given: string): Promise<boolean> {
    return (await lookUp(this.directory, namesIn(given))).found !== null;
  }

  /**
   * Writes a whole file and makes the folders on its way. Returns the size of the file in bytes.
   * @throws Error, for the model to read, if the path leaves the workspace or a limit would be passed.
   */
  async write(given: string, content: Buffer): Promise<number> {
    const made: string[] = [];
    const plan = await this.#plan(given, content.length);
    try {
      for (const folder of plan.folders) {
        await mkdir(join(this.directory, folder), { mode: 0o700 });
        this.#entries += 1;
        made.push(folder);
      }
      await this.#replace(plan, content);
    } catch (error) {
      for (const folder of made.reverse()) await this.#removeFolder(folder);
      throw error;
    }
    return plan.bytes;
  }

  /**
   * Removes a file, and the folders on its way that are empty then: no other tool could remove them.
   * @throws Error, for the model to read, if the path names no file.
   */
  async remove(given: string): Promise<void> {
    const names = namesIn(given);
    const { found } = await lookUp(this.directory, names);
    if (found === null) throw noFile(given);
    if (found.type === 'folder') throw new Error(`"${given}" is a folder; expected a file`);
    await unlink(join(this.directory, found.path));
    this.#entries -= 1;
    this.#bytes -= found.bytes;
    for (const folder of foldersOf(names).reverse()) if (!(await this.#removeFolder(folder))) return;
  }

  /** Checks a write against the limits and the disk. Changes nothing. */
  async #plan(given: string, bytes: number): Promise<Plan> {
    const { max_entries, max_depth, max_bytes } = this.#limits;
    const names = namesIn(given);
    if (names.length > max_depth) {
      throw new Error(`"${given}" is ${names.length} names deep; the limit is ${max_depth}`);
    }
    if (bytes > MAX_FILE_BYTES) throw new Error(`the file would have ${bytes} bytes; the limit is ${MAX_FILE_BYTES}`);
    const { found, missing } = await lookUp(this.directory, names);
    if (found && found.type !== 'file') throw new Error(`"${given}" is a folder; expected a file`);
    if (this.#entries + missing > max_entries) {
      throw new Error(
        `a workspace has at most ${max_entries} files and folders; it has ${this.#entries}, and "${given}" adds ${missing}`,
      );
    }
    const added = bytes - (found?.bytes ?? 0);
    if (added > 0 && this.#bytes + added > max_bytes) {
      throw new Error(
        `a workspace has at most ${max_bytes} bytes; it has ${this.#bytes}, and "${given}" adds ${added}`,
      );
    }
    const folders = foldersOf(names).slice(names.length - missing);
    return { path: names.join('/'), folders, bytes, oldBytes: found?.bytes ?? null };
  }

  /** Renaming replaces the earlier file in one step. */
  async #replace({ path, bytes, oldBytes }: Plan, content: Buffer): Promise<void> {
    const unfinished = join(this.#home, UNFINISHED);
    try {
      await writeNew(unfinished, content);
      await rename(unfinished, join(this.directory, path));
    } catch (error) {
      await unlink(unfinished).catch(() => undefined);
      throw error;
    }
    if (oldBytes === null) this.#entries += 1;
    this.#bytes += bytes - (oldBytes ?? 0);
  }

  /** Removes an empty folder. Returns whether it is gone: a folder that cannot be removed still counts. */
  async #removeFolder(folder: string): Promise<boolean> {
    const isGone = await rmdir(join(this.directory, folder)).then(
      () => true,
      () => false,
    );
    if (isGone) this.#entries -= 1;
    return isGone;
  }
}

/** The folders on the way to a file, the outermost first. */
function foldersOf(names: readonly string[]): string[] {
  return names.slice(0, -1).map((_, at) => names.slice(0, at + 1).join('/'));
}

function noFile(given: string): Error {
  return new Error(`there is no file "${given}"`);
}
