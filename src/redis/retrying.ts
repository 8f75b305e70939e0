import { Command, type Redis, type RedisOptions } from 'ioredis';
import { BoundedRedis } from './bounded.ts';
import { denialOf, isStaleAddress, refusalOf } from './faults.ts';

const FIRST_HOLD_MS = 50;
const MAX_HOLD_MS = 2_000;
const SCRIPTS: ReadonlySet<string> = new Set(['eval', 'evalsha']);

/** A blocking command that was sent again counts as served after this time without an answer: it waits for a job. */
const BLOCKED_MS = 200;

/** `waitsForRights`: commands also wait while the user lacks a right. */
type Patience = { waitsForRights: boolean };

/** Why no script is sent, or `null`. All duplicates of a client share it. */
type Gate = { shut: string | null };

type Answered = Parameters<Redis['handleReconnection']>[1];

/**
 * A client whose commands wait while Redis refuses them, as they wait while Redis is unavailable. It sends them again
 * with a back-off until Redis serves them. Both BullMQ and the records use it. Otherwise BullMQ would fetch in a hot
 * loop and lose the end of a job, and tasks would fail for a passing fault.
 *
 * It also gathers: it sends the commands of one turn of the event loop with one system call. Without this, a busy
 * worker spends a tenth of its time on writes. The auto-pipelining of ioredis gathers too, but it rejects the commands
 * of a pipeline that a lost connection cut in two. Single commands are sent again.
 */
export class RetryingRedis extends BoundedRedis {
  readonly #patience: Patience;
  #isGathering = false;
  #held: Command[] = [];
  #holdMs = FIRST_HOLD_MS;
  /** Commands whose refusal is returned as their answer. */
  #impatient = new WeakSet<Command>();
  /** Commands that were refused and have no other answer yet, with the reason. All duplicates share them. */
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

  /**
   * Opens another connection to the same Redis with the same patience. BullMQ waits for jobs on a connection of its
   * own.
   */
  override duplicate(override: RedisOptions = {}): Redis {
    const clone = new RetryingRedis({ ...this.options, ...override, replyMapping: 'legacy' }, this.#patience);
    clone.#unserved = this.#unserved;
    clone.#gate = this.#gate;
    return clone;
  }

  /**
   * Holds all scripts while `why` is not `null`, as if Redis refused them. A worker that lacks a right sends no script,
   * because a script that Redis denies in its middle has run in part.
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

  /** ioredis calls this for every error reply. A command of a transaction is not held: it would run outside of it. */
  override handleReconnection(error: Error, answered: Answered): void {
    const refusal = refusalOf(error) ?? (this.#patience.waitsForRights ? denialOf(error) : null);
    const { command } = answered;
    if (refusal !== null && command instanceof Command && this.#canWait(command)) this.#hold(command, refusal);
    else super.handleReconnection(error, answered);
  }

  /** A cluster may refuse EXEC itself. It has then discarded the transaction, so EXEC cannot be sent again. */
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
    this.once('end', sendAll); // a closed client rejects the commands
    this.#holdMs = Math.min(2 * this.#holdMs, MAX_HOLD_MS);
  }

  #sendAgain(command: Command): void {
    // A blocking command counts as served if it is not refused again soon. Its answer may take any time.
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
