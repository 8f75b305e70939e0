import { Command, type Redis, type RedisOptions } from 'ioredis';
import { BoundedRedis } from './bounded.ts';
import { denialOf, isStaleAddress, refusalOf } from './faults.ts';

const FIRST_HOLD_MS = 50;
const MAX_HOLD_MS = 2_000;
const SCRIPTS: ReadonlySet<string> = new Set(['eval', 'evalsha']);

/** After this time without an answer, a blocking command that was sent again counts as served: it waits for a job. */
const BLOCKED_MS = 200;

/** `waitsForRights`: commands wait also while the user lacks a right, until somebody gives it. */
type Patience = { waitsForRights: boolean };

/** Why no script is sent, or `null`: shared by all duplicates of a client. */
type Gate = { shut: string | null };

type Answered = Parameters<Redis['handleReconnection']>[1];

/**
 * A client for which a Redis that refuses is as good as one that is away: its commands wait, and are sent again with a
 * back-off, until they are served. What BullMQ and the records issue goes through here alike, so that neither fetches
 * in a hot loop, nor loses the end of a job, nor fails a task for what passes.
 *
 * It also gathers: what is issued in one turn of the event loop is sent with one system call; a busy worker spends a
 * tenth of its time on writes otherwise. The auto-pipelining of ioredis would do the same, but it rejects commands of a
 * pipeline that a lost connection cut in two, where single ones are sent again.
 */
export class RetryingRedis extends BoundedRedis {
  readonly #patience: Patience;
  #isGathering = false;
  #held: Command[] = [];
  #holdMs = FIRST_HOLD_MS;
  /** Commands whose refusal is returned as their answer. */
  #impatient = new WeakSet<Command>();
  /** Commands that were refused and have had no other answer yet, with the reason; shared by all duplicates. */
  #unserved = new Map<Command, string>();
  #gate: Gate = { shut: null };

  constructor(options: RedisOptions & { replyMapping: 'legacy' }, patience: Patience = { waitsForRights: false }) {
    super(options);
    this.#patience = patience;
  }

  /** Why Redis refuses commands, in its own words, or `null` while it serves them. */
  get refusal(): string | null {
    return this.#unserved.values().next().value ?? null;
  }

  /** Opens another connection to the same Redis, as patient: BullMQ waits for jobs on one. */
  override duplicate(override: RedisOptions = {}): Redis {
    const clone = new RetryingRedis({ ...this.options, ...override, replyMapping: 'legacy' }, this.#patience);
    clone.#unserved = this.#unserved;
    clone.#gate = this.#gate;
    return clone;
  }

  /**
   * Holds all scripts while `why` is not `null`, as if Redis refused them. A script that Redis denies in its middle has run in
   * part, so a worker that knows that a right is missing sends none.
   */
  holdScripts(why: string | null): void {
    this.#gate.shut = why;
  }

  /** Sends a command that does not wait while Redis refuses commands: a refusal rejects it. */
  sendOnce(name: string, args: string[]): Promise<unknown> {
    const command = new Command(name, args, { replyEncoding: 'utf8' });
    this.#impatient.add(command);
    this.sendCommand(command);
    return command.promise;
  }

  override sendCommand(...sent: Parameters<Redis['sendCommand']>): unknown {
    const [command, stream] = sent;
    const { shut } = this.#gate;
    if (shut !== null && stream === undefined && SCRIPTS.has(command.name) && this.#canWait(command)) {
      this.#hold(command, shut);
      return command.promise;
    }
    if (!this.#isGathering && this.status === 'ready') this.#gather();
    return super.sendCommand(...sent);
  }

  /** Called by ioredis for every error reply. Part of a transaction is not held: it would run outside of it. */
  override handleReconnection(error: Error, answered: Answered): void {
    const refusal = refusalOf(error) ?? (this.#patience.waitsForRights ? denialOf(error) : null);
    const { command } = answered;
    if (refusal !== null && command instanceof Command && this.#canWait(command)) this.#hold(command, refusal);
    else super.handleReconnection(error, answered);
  }

  /** A cluster may refuse EXEC itself; it has discarded the transaction, so EXEC cannot be sent again. */
  #canWait(command: Command): boolean {
    if (command.inTransaction || command.name === 'exec') return false;
    return this.status === 'ready' && !this.#impatient.has(command);
  }

  #hold(command: Command, refusal: string): void {
    if (!this.#unserved.has(command)) command.promise.then(...this.#served(command));
    this.#unserved.set(command, refusal);
    this.#held.push(command);
    if (this.#held.length > 1) return;
    if (isStaleAddress(refusal)) this.disconnect(true);
    const sendAll = () => {
      clearTimeout(timer);
      this.off('end', sendAll);
      for (const held of this.#held.splice(0)) this.#sendAgain(held);
    };
    const timer = setTimeout(sendAll, this.#holdMs);
    this.once('end', sendAll); // a closed client rejects what it is sent
    this.#holdMs = Math.min(2 * this.#holdMs, MAX_HOLD_MS);
  }

  #sendAgain(command: Command): void {
    // One that blocks is served when it is not refused again soon; its answer may take as long as it likes.
    if (Command.checkFlag('BLOCKING_COMMANDS', command.name)) {
      setTimeout(() => this.#held.includes(command) || this.#unserved.delete(command), BLOCKED_MS).unref();
    }
    this.sendCommand(command);
  }

  #served(command: Command): [() => void, () => void] {
    const forget = () => {
      this.#unserved.delete(command);
      this.#holdMs = FIRST_HOLD_MS;
    };
    return [forget, forget];
  }

  #gather(): void {
    const { stream } = this;
    this.#isGathering = true;
    stream.cork();
    setImmediate(() => {
      this.#isGathering = false;
      stream.uncork();
    });
  }
}
