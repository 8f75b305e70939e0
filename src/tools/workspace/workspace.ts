import type { WorkspaceAccess } from '../../agent/workspace-access.ts';
import { counted } from '../../base/text.ts';
import type { WorkspaceLimits } from '../../contract/limits.ts';
import type { Answer } from '../../contract/outcome.ts';
import { type ErrandError, isErrandError } from '../../errors.ts';
import { type Edit, edited, exactText } from './edit.ts';
import { workspaceFaultOf } from './fault.ts';
import { WorkspaceFiles } from './files.ts';
import type { Changing } from './measure.ts';
import { type Search, search } from './search.ts';

/** The maximum number and size of files whose contents go into the answer. */
const ANSWER_FILES = 50;
const ANSWER_FILE_BYTES = 8 * 1024;

const FAULT = 'WORKSPACE_UNAVAILABLE';

/** What a failed change means for the file. */
const UNCHANGED = 'the file was not written, and an earlier file of this name is unchanged';

/**
 * The files of one attempt, as its tools use them. Changes happen one after the other, and each change is whole or
 * absent. Every failure of the disk is reported.
 *
 * A method throws an Error, for the model to read, if the path leaves the workspace or a limit would be passed, and
 * ErrandError `WORKSPACE_UNAVAILABLE` if the disk fails. In both cases nothing has changed.
 */
export class Workspace implements WorkspaceAccess {
  readonly #files: WorkspaceFiles;
  readonly #onFault: (error: ErrandError) => void;
  #lastChange: Promise<unknown> = Promise.resolve();
  #failedWrites = 0;
  #lastFault: ErrandError | undefined;

  private constructor(files: WorkspaceFiles, onFault: (error: ErrandError) => void) {
    this.#files = files;
    this.#onFault = onFault;
  }

  /**
   * Makes the directory of an attempt if it is absent, and counts its files. `onFault` gets every failure of the disk.
   * @throws ErrandError `WORKSPACE_UNAVAILABLE` if it cannot be made or read.
   */
  static async open(home: string, limits: WorkspaceLimits, onFault: (error: ErrandError) => void): Promise<Workspace> {
    const opening = () => WorkspaceFiles.open(home, limits);
    return new Workspace(await reporting('the workspace could not be opened', onFault, opening), onFault);
  }

  /** The absolute path of the folder of the child. */
  get directory(): string {
    return this.#files.directory;
  }

  /** The number of files and folders, and the bytes of all files. */
  get used(): { entries: number; bytes: number } {
    return this.#files.used;
  }

  /** Says how many writes the disk failed and why; `undefined` if it failed none. */
  get faultNote(): string | undefined {
    if (!this.#lastFault) return undefined;
    const { code, message } = this.#lastFault;
    return `${code}: ${counted(this.#failedWrites, 'write')} failed; the last error: ${message}`;
  }

  /** Counts the files again after a command, or while it runs. Returns the limit that they pass, or `null`. */
  recount(changing: Changing): Promise<string | null> {
    return this.#report('the files could not be counted', () => this.#files.recount(changing));
  }

  /** Lists the files, sorted by path. */
  list(): Promise<{ path: string; bytes: number }[]> {
    return this.#report('the files could not be listed', () => this.#files.list());
  }

  /** Reads a text file of up to 1 MiB. */
  read(given: string): Promise<string> {
    return this.#report('the file could not be read', async () => (await this.#files.read(given)).toString('utf8'));
  }

  /** Returns the lines that contain a text, each with its file and number, and says at which limit it stopped. */
  search(wanted: Search, signal: AbortSignal): Promise<string> {
    return this.#report('the files could not be searched', () => search(this.#files, wanted, signal));
  }

  /** Writes a text file and makes the folders on its way. Returns the size of the file in bytes. */
  write(given: string, text: string): Promise<number> {
    return this.#change(UNCHANGED, () => this.#files.write(given, Buffer.from(text)));
  }

  /** Adds a text to the end of a file, or makes the file. Returns the size of the file in bytes. */
  append(given: string, text: string): Promise<number> {
    return this.#change(UNCHANGED, async () => {
      const old = (await this.#files.has(given)) ? await this.#files.read(given) : Buffer.alloc(0);
      return this.#files.write(given, Buffer.concat([old, Buffer.from(text)]));
    });
  }

  /** Replaces an exact text in a file. Returns how many places were replaced. */
  edit(given: string, edit: Edit): Promise<number> {
    return this.#change(UNCHANGED, async () => {
      const { text, count } = edited(exactText(await this.#files.read(given), given), edit);
      await this.#files.write(given, Buffer.from(text));
      return count;
    });
  }

  /** Removes a file, and the folders that are empty without it. */
  remove(given: string): Promise<void> {
    return this.#change('the file was not deleted', () => this.#files.remove(given));
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

  async #change<T>(effect: string, run: () => Promise<T>): Promise<T> {
    const changing = this.#lastChange.then(() => this.#report(effect, run));
    this.#lastChange = changing.catch(() => undefined);
    try {
      return await changing;
    } catch (error) {
      if (isErrandError(error, FAULT)) {
        this.#failedWrites += 1;
        this.#lastFault = error;
      }
      throw error;
    }
  }

  #report<T>(effect: string, run: () => Promise<T>): Promise<T> {
    return reporting(effect, this.#onFault, run);
  }
}

async function reporting<T>(effect: string, onFault: (error: ErrandError) => void, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    const fault = workspaceFaultOf(error, effect);
    if (isErrandError(fault, FAULT)) onFault(fault);
    throw fault;
  }
}
