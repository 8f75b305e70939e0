import { finished } from 'node:stream/promises';
import { sleep } from '../../base/clock.ts';
import { unlessAborted } from '../../base/unless-aborted.ts';
import { withinTime } from '../../base/within-time.ts';
import type { ProcessExit, TreeEnd } from '../../processes/end-tree.ts';
import { type GuardedProcess, startGuarded } from '../../processes/guarded-process.ts';
import { killTagged } from '../../processes/sweep.ts';
import { Output } from './output.ts';
import { launchOf, type Place } from './sandbox.ts';
import type { ShellSettings } from './settings.ts';
import { passedFileLimit, passedLimit } from './watch.ts';

/** How long a command may take to end after TERM. With the time to kill it, a call stops within its second. */
const GRACE_MS = 100;
/** How long the last output may take after the last process has ended. */
const LAST_OUTPUT_MS = 1_000;

/** What commands need from the worker. `path`: where `bwrap` is sought. */
export type ShellMeans = { settings: ShellSettings; guardPath: string | null; path: string };

/** A command to run. `limitMs`: how long it may run. */
export type CommandRequest = { line: string; stdin: string; limitMs: number };

/**
 * How a command ended. `exited`: by itself, with this status. `stopped`: it passed a limit, or was killed from outside.
 * `failed`: it did not start.
 */
export type CommandEnd =
  | { status: 'exited'; code: number; output: string }
  | { status: 'stopped'; limit: string; output: string }
  | { status: 'failed'; problem: string };

/** The files that commands work on, and a count of them. `recount` resolves to the limit that they pass, or `null`. */
export type CommandPlace = Place & { recount: () => Promise<string | null> };

/**
 * The commands of one attempt. All their processes carry one tag.
 *
 * Invariant: when a call of `run` ends, no process that its command started is left.
 */
export class Commands {
  readonly #tag: string;
  readonly #place: CommandPlace;
  readonly #means: ShellMeans;
  readonly #running = new Set<GuardedProcess>();
  #isClosed = false;
  #count = 0;
  #unproven = 0;

  constructor(tag: string, place: CommandPlace, means: ShellMeans) {
    this.#tag = tag;
    this.#place = place;
    this.#means = means;
  }

  /**
   * Runs one command to its end.
   * @throws the signal's reason, after the command was ended.
   */
  async run(request: CommandRequest, signal: AbortSignal): Promise<CommandEnd> {
    signal.throwIfAborted();
    if (this.#isClosed) throw new Error('the attempt has ended');
    const tree = await this.#start(request);
    const output = new Output();
    const watching = new AbortController();
    try {
      const limit = await unlessAborted(this.#limitOf(tree, output, request, watching.signal), signal);
      if (limit === null) await withinTime(finished(tree.stdout), LAST_OUTPUT_MS, noEnd).catch(() => undefined);
      await this.#end(tree);
      return limit === null
        ? endOf(await tree.exited, output, tree.errorText())
        : { status: 'stopped', limit, output: output.text };
    } finally {
      watching.abort();
      await this.#end(tree);
    }
  }

  /** Ends the commands that still run. The evidence is that of all commands together. */
  async close(): Promise<TreeEnd> {
    this.#isClosed = true;
    for (const tree of this.#running) await this.#end(tree);
    const commands = `commands: ${this.#count}`;
    if (this.#unproven === 0)
      return { survivors: 0, evidence: 'verified', detail: `the guard saw the last process of each end; ${commands}` };
    return { survivors: 0, evidence: 'unknown', detail: `${commands}; without proof of the end: ${this.#unproven}` };
  }

  async #start({ line, stdin }: CommandRequest): Promise<GuardedProcess> {
    const { settings, guardPath, path } = this.#means;
    const launch = launchOf(line, this.#place, settings, path);
    const cwd = this.#place.directory;
    const tree = await startGuarded({ ...launch, cwd, tag: this.#tag, graceMs: GRACE_MS, guardPath });
    this.#count += 1;
    this.#running.add(tree);
    if (this.#isClosed) await this.#end(tree);
    tree.stdin.end(stdin);
    return tree;
  }

  /** Resolves to `null` when the command has ended, or to the limit that it passed. */
  async #limitOf(tree: GuardedProcess, output: Output, { limitMs }: CommandRequest, signal: AbortSignal) {
    const { settings } = this.#means;
    const tooLong = Promise.withResolvers<string>();
    tree.stdout.on('data', (chunk: Buffer) => {
      output.add(chunk);
      if (output.bytes > settings.max_output_bytes)
        tooLong.resolve(`it wrote more than ${settings.max_output_bytes} bytes of output`);
    });
    const limits = [
      sleep(limitMs, signal).then(() => `it ran longer than ${limitMs / 1000} s`),
      passedLimit(tree.pid, settings, signal),
      passedFileLimit(this.#place.recount, signal),
    ];
    for (const limit of limits) limit.catch(() => undefined);
    return Promise.race([tree.exited.then(() => null), tooLong.promise, ...limits]);
  }

  /** Ends a tree once. Without the proof of a guard, looks for the tag in all processes. */
  async #end(tree: GuardedProcess): Promise<void> {
    const { evidence } = await tree.close();
    if (!this.#running.delete(tree) || evidence === 'verified') return;
    this.#unproven += 1;
    if (this.#running.size === 0) await killTagged(new Set([this.#tag]));
  }
}

/** All output of a command goes to one pipe. Text in the other is of what should have started the command. */
function endOf({ code, signal }: ProcessExit, output: Output, errorText: string): CommandEnd {
  if (code !== 0 && errorText !== '' && output.bytes === 0) return { status: 'failed', problem: errorText.trim() };
  // Not by a limit: by the kernel without memory, or by a command that has no sandbox.
  if (code === null) return { status: 'stopped', limit: `its first process got ${signal}`, output: output.text };
  return { status: 'exited', code, output: output.text };
}

function noEnd(): Error {
  return new Error('its output has no end');
}
