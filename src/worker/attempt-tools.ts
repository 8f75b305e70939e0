import type { Tool } from '../agent/tool.ts';
import { ToolGate } from '../agent/tool-policy.ts';
import { type OwnedTool, Tools } from '../agent/tools.ts';
import type { OpenToolset, Toolset } from '../agent/toolset.ts';
import { problemsOfTools } from '../agent/toolset-problems.ts';
import { clip } from '../base/text.ts';
import { unlessAborted } from '../base/unless-aborted.ts';
import { withinTime } from '../base/within-time.ts';
import { type Answer, AnswerFiles } from '../contract/outcome.ts';
import { ErrandError, messageOf } from '../errors.ts';
import type { ToolAttempt } from './attempt.ts';
import type { TaskDeps } from './task-deps.ts';
import { faultOf, sessionOf } from './tool-session.ts';

/** The maximum number and length of the notes of one toolset in an outcome. */
const MAX_NOTES = 20;
const NOTE_CHARS = 1_000;

/** The maximum number of files of one toolset, and the maximum length of a path. An outcome must hold them. */
const MAX_FILES = 100_000;
const PATH_CHARS = 4_096;

/** The files of an attempt, and notes about problems of its toolsets. */
export type KeptFiles = { files: Answer['files']; notes: readonly string[] };

type Opened = { toolset: Toolset; open: OpenToolset };

type Deps = Pick<TaskDeps, 'toolsets' | 'toolPolicy' | 'observer' | 'log' | 'watchdogs'>;

/** The open toolsets of one attempt. Opening and collecting have the time limit of one tool call. */
export class AttemptTools {
  /** The tools that the child calls. */
  readonly tools: Tools;
  readonly #opened: readonly Opened[];
  readonly #limitMs: number;

  private constructor(tools: Tools, opened: readonly Opened[], limitMs: number) {
    this.tools = tools;
    this.#opened = opened;
    this.#limitMs = limitMs;
  }

  /**
   * Opens the toolsets that a task names, in their order.
   * @throws ErrandError with the code of a toolset that cannot be opened; what {@link Scope.hold} throws;
   *   `TOOLSET_UNSERVED`.
   */
  static async open(attempt: ToolAttempt, deps: Deps): Promise<AttemptTools> {
    const { toolsets: names, tool_policy: policy = {} } = attempt.job.task;
    const [lacking] = deps.toolsets.lacking(names);
    if (lacking !== undefined) throw new ErrandError('TOOLSET_UNSERVED', `this worker has no toolset "${lacking}"`);
    const limits = { signal: attempt.signal, limitMs: deps.watchdogs.tool_ms };
    const opened: Opened[] = [];
    const tools: OwnedTool[] = [];
    for (const toolset of deps.toolsets.named(names)) {
      const { name, restores, requires = [], faultCode = 'TOOLSET_UNAVAILABLE' } = toolset;
      // Only for those that require it: a later attempt must know which toolsets may have changed the files.
      const required = opened.filter(({ toolset: other }) => requires.includes(other.name));
      const workspace = required.find(({ open }) => open.workspace !== undefined)?.open.workspace;
      const session = sessionOf(toolset, attempt, { observer: deps.observer, log: deps.log, workspace });
      const open = await within(limits, toolset, 'open', async () => toolset.open(session));
      assertTools(toolset, open, tools);
      const owner = { toolset: name, session, restores, requires, faultCode };
      tools.push(...open.tools.map((tool) => ({ tool, ...owner })));
      opened.push({ toolset, open });
    }
    const gate = new ToolGate([deps.toolPolicy, policy]);
    return new AttemptTools(new Tools(tools, gate), opened, limits.limitMs);
  }

  /** Returns the tools of one open toolset; none if it is not open. */
  toolsOf(name: string): readonly Tool[] {
    return this.#opened.find(({ toolset }) => toolset.name === name)?.open.tools ?? [];
  }

  /**
   * Reads the files for the answer of an attempt that succeeded.
   * @throws ErrandError with the code of a toolset whose files cannot be read. The next attempt makes the files again,
   *   without a model call.
   */
  async deliverFiles(): Promise<KeptFiles> {
    const found: Answer['files'][] = [];
    for (const opened of this.#opened) found.push(await this.#collect(opened));
    return { files: found.flat(), notes: this.#notes() };
  }

  /** Reads the files for the partial answer of an attempt that failed. If they cannot be read, a note says so. */
  async keepFiles(): Promise<KeptFiles> {
    const kept: Answer['files'][] = [];
    const notes: string[] = [];
    for (const opened of this.#opened) {
      const { name } = opened.toolset;
      const add = (found: Answer['files']) => kept.push(found);
      const note = (error: unknown) => notes.push(`the files of toolset "${name}" were not kept: ${messageOf(error)}`);
      await this.#collect(opened).then(add, note);
    }
    return { files: kept.flat(), notes: [...notes, ...this.#notes()] };
  }

  /** The signal does not stop it, because an aborted attempt keeps its files too. Only the time is limited. */
  async #collect({ toolset, open }: Opened): Promise<Answer['files']> {
    const limits = { limitMs: this.#limitMs };
    const files = await within(limits, toolset, 'collect its files', async () => open.collect?.() ?? []);
    const problem = problemOfFiles(files);
    if (problem === null) return files;
    throw faultOf(toolset, new Error(problem));
  }

  #notes(): string[] {
    return this.#opened.flatMap(({ toolset, open }) => {
      try {
        const notes: unknown = open.notes?.() ?? [];
        if (notes instanceof Promise) notes.catch(() => undefined); // An unhandled rejection would end the process.
        if (!Array.isArray(notes)) throw new Error('expected an array of sentences');
        return notes.slice(0, MAX_NOTES).map((note) => clip(String(note), NOTE_CHARS));
      } catch (error) {
        return [`the notes of toolset "${toolset.name}" were not kept: ${messageOf(error)}`];
      }
    });
  }
}

/** Returns the problem of the files of a toolset, or `null`. They may come from a program without types. */
function problemOfFiles(files: Answer['files']): string | null {
  if (Array.isArray(files) && files.length > MAX_FILES)
    return `expected at most ${MAX_FILES} files, got ${files.length}`;
  if (!AnswerFiles.fits(files)) return 'expected files as an array of { path, bytes, text? }';
  const wrong = files.findIndex(({ path, bytes }) => bytes < 0 || !isPath(path));
  if (wrong < 0) return null;
  return `files[${wrong}]: expected a relative path without .. of at most ${PATH_CHARS} characters, and bytes from 0`;
}

/** A producer may write the files to a folder, so a path stays within it. */
function isPath(path: string): boolean {
  const isText = path.length <= PATH_CHARS && path.isWellFormed() && !path.includes('\0');
  return isText && !path.split('/').some((name) => name === '' || name === '..');
}

type Limits = { signal?: AbortSignal; limitMs: number };

/** Runs a step of a toolset. @throws the signal's reason, or the error of the toolset. */
async function within<T>(
  { signal, limitMs }: Limits,
  toolset: Toolset,
  step: string,
  run: () => Promise<T>,
): Promise<T> {
  const late = () => new Error(`timed out after ${limitMs / 1000} s: it did not ${step}`);
  try {
    return await unlessAborted(withinTime(run(), limitMs, late), signal);
  } catch (error) {
    signal?.throwIfAborted();
    throw faultOf(toolset, error);
  }
}

/** Checks what `open` of a toolset returned, because it may come from a program without types. */
function assertTools(toolset: Toolset, open: OpenToolset, known: readonly OwnedTool[]): void {
  const taken = known.map(({ tool }) => tool.definition.name);
  const [problem] = problemsOfTools(Object(open).tools, taken);
  if (problem) throw faultOf(toolset, new Error(`open returned an invalid ${problem.path}: ${problem.message}`));
}
