import { constants } from 'node:fs';
import { mkdir, open, rename, rmdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { WorkspaceAccess } from '../../agent/workspace-access.ts';
import { byteLength, counted } from '../../base/text.ts';
import type { WorkspaceLimits } from '../../contract/limits.ts';
import type { Answer } from '../../contract/outcome.ts';
import { type ErrandError, isErrandError } from '../../errors.ts';
import { workspaceFaultOf } from './fault.ts';
import { writeNew } from './new-file.ts';
import { lookUp, namesIn, walk } from './paths.ts';

/** The maximum size of one file, in bytes. */
const MAX_FILE_BYTES = 1024 * 1024;

/** The maximum number and size of files whose contents go into the answer. */
const ANSWER_FILES = 50;
const ANSWER_FILE_BYTES = 8 * 1024;
/** The folder of the files of the child, in the directory of the attempt. */
const FILES = 'files';
/** The file that is being written. It is beside the folder of the child, so that no tool can list, read or name it. */
const UNFINISHED = 'unfinished';

/** An allowed write. `folders`: to be made, in this order. `oldBytes`: `null` if there is no earlier file. */
type Plan = { path: string; folders: string[]; bytes: number; oldBytes: number | null };

/**
 * The files of one attempt, and their current number and size.
 *
 * Invariants
 * - Limits are checked before anything is made. Entries are files and folders together.
 * - A file is whole or absent: it is written beside the folder of the child, and renamed. A failure keeps the old file.
 * - The cost of a write does not grow with the number of files: nothing is listed after {@link Workspace.open}.
 */
export class Workspace implements WorkspaceAccess {
  /** The absolute path of the folder of the child. */
  readonly directory: string;
  readonly #home: string;
  readonly #limits: WorkspaceLimits;
  readonly #onFault: (error: ErrandError) => void;
  #entries = 0;
  #bytes = 0;
  #lastWrite: Promise<unknown> = Promise.resolve();
  #failedWrites = 0;
  #lastFault: ErrandError | undefined;

  private constructor(home: string, limits: WorkspaceLimits, onFault: (error: ErrandError) => void) {
    this.#home = home;
    this.directory = join(home, FILES);
    this.#limits = limits;
    this.#onFault = onFault;
  }

  /**
   * Makes the directory of an attempt if it is absent, and counts its files. `onFault` gets every failure of the disk.
   * @throws ErrandError `WORKSPACE_UNAVAILABLE` if it cannot be made or read.
   */
  static async open(home: string, limits: WorkspaceLimits, onFault: (error: ErrandError) => void): Promise<Workspace> {
    const workspace = new Workspace(home, limits, onFault);
    await workspace.#report('the workspace could not be opened', async () => {
      await mkdir(workspace.directory, { recursive: true, mode: 0o700 });
      for await (const { bytes } of walk(workspace.directory)) {
        workspace.#entries += 1;
        workspace.#bytes += bytes;
      }
    });
    return workspace;
  }

  /** The number of files and folders, and the bytes of all files. */
  get used(): { entries: number; bytes: number } {
    return { entries: this.#entries, bytes: this.#bytes };
  }

  /** Says how many writes the disk failed and why; `undefined` if it failed none. */
  get faultNote(): string | undefined {
    if (!this.#lastFault) return undefined;
    const { code, message } = this.#lastFault;
    return `${code}: ${counted(this.#failedWrites, 'write')} failed; the last error: ${message}`;
  }

  /** Lists the files. @throws ErrandError `WORKSPACE_UNAVAILABLE` */
  list(): Promise<{ path: string; bytes: number }[]> {
    return this.#report('the files could not be listed', async () => {
      const files: { path: string; bytes: number }[] = [];
      for await (const { path, type, bytes } of walk(this.directory)) if (type === 'file') files.push({ path, bytes });
      return files;
    });
  }

  /**
   * Reads a text file.
   * @throws Error, for the model to read, if the path leaves the workspace, names no file or the file is too large;
   *   ErrandError `WORKSPACE_UNAVAILABLE` if the disk fails.
   */
  read(given: string): Promise<string> {
    return this.#report('the file could not be read', () => this.#read(given));
  }

  /**
   * Writes a text file and makes the folders on its way. Writes happen one after the other.
   * @returns the size of the file in bytes.
   * @throws Error, for the model to read, if the path leaves the workspace or a limit would be passed; ErrandError
   *   `WORKSPACE_UNAVAILABLE` if the disk fails. An earlier file of this name is then unchanged.
   */
  async write(given: string, text: string): Promise<number> {
    const writing = this.#lastWrite.then(() => this.#write(given, text));
    this.#lastWrite = writing.catch(() => undefined);
    try {
      return await writing;
    } catch (error) {
      if (isErrandError(error)) {
        this.#failedWrites += 1;
        this.#lastFault = error;
      }
      throw error;
    }
  }

  /**
   * Returns the files for the answer: all names and sizes, and the contents of small ones.
   * @throws ErrandError `WORKSPACE_UNAVAILABLE`: without files, the child would seem to have written none.
   */
  async collect(): Promise<Answer['files']> {
    const files = await this.list();
    return Promise.all(
      files.map(async (file, position) => {
        if (position >= ANSWER_FILES || file.bytes > ANSWER_FILE_BYTES) return file;
        return { ...file, text: await this.read(file.path) };
      }),
    );
  }

  async #report<T>(effect: string, run: () => Promise<T>): Promise<T> {
    try {
      return await run();
    } catch (error) {
      const fault = workspaceFaultOf(error, effect);
      if (isErrandError(fault)) this.#onFault(fault);
      throw fault;
    }
  }

  async #read(given: string): Promise<string> {
    const { found } = await lookUp(this.directory, namesIn(given));
    if (found === null) throw new Error(`there is no file "${given}"`);
    if (found.type !== 'file') throw new Error(`"${given}" is a folder; expected a file`);
    const file = await open(join(this.directory, found.path), constants.O_RDONLY | constants.O_NOFOLLOW);
    try {
      const { size } = await file.stat();
      if (size > MAX_FILE_BYTES) throw new Error(`"${given}" has ${size} bytes; the limit is ${MAX_FILE_BYTES}`);
      return await file.readFile('utf8');
    } finally {
      await file.close();
    }
  }

  #write(given: string, text: string): Promise<number> {
    const made: string[] = [];
    return this.#report('the file was not written, and an earlier file of this name is unchanged', async () => {
      const plan = await this.#plan(given, byteLength(text));
      try {
        for (const folder of plan.folders) {
          await mkdir(join(this.directory, folder), { mode: 0o700 });
          this.#entries += 1;
          made.push(folder);
        }
        await this.#replace(plan, text);
      } catch (error) {
        for (const folder of made.reverse()) await this.#removeFolder(folder);
        throw error;
      }
      return plan.bytes;
    });
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
    const folders = names.slice(0, -1).map((_, at) => names.slice(0, at + 1).join('/'));
    return {
      path: names.join('/'),
      folders: folders.slice(names.length - missing),
      bytes,
      oldBytes: found?.bytes ?? null,
    };
  }

  /** Renaming replaces the earlier file in one step. */
  async #replace({ path, bytes, oldBytes }: Plan, text: string): Promise<void> {
    const unfinished = join(this.#home, UNFINISHED);
    try {
      await writeNew(unfinished, text, bytes);
      await rename(unfinished, join(this.directory, path));
    } catch (error) {
      await unlink(unfinished).catch(() => undefined);
      throw error;
    }
    if (oldBytes === null) this.#entries += 1;
    this.#bytes += bytes - (oldBytes ?? 0);
  }

  /** A folder that cannot be removed still counts. */
  async #removeFolder(folder: string): Promise<void> {
    await rmdir(join(this.directory, folder)).then(
      () => {
        this.#entries -= 1;
      },
      () => undefined,
    );
  }
}
