import { messageOf } from '../errors.ts';
import { type ConnectFault, connectFaultOf, silenceOf } from './connect-faults.ts';
import { lackOf, missingRights } from './missing-rights.ts';
import { type Asker, explainRefusal, isDenial } from './refusal.ts';
import type { RetryingRedis } from './retrying.ts';
import { isChannelRight, type RedisRole } from './rights.ts';
import { probeKeys, slotRefusalOf } from './slot-refusal.ts';
import { redisName } from './target.ts';

const LOOK_MS = 500;
/** The kind of a refusal for a missing right. */
const DENIAL = 'denial';
/**
 * After this many looks without an answer a connection counts as dead. Time would count while this process stands
 * still.
 */
const MAX_SILENT_LOOKS = 4;
/** How often the rights of the user are read. */
const RIGHTS_MS = 2_000;

/**
 * The state of Redis. `away`: no connection, or no answer. `refusing`: it answers and refuses commands (BUSY, READONLY,
 * OOM, NOPERM and the like).
 */
export type RedisState =
  | { status: 'ok' }
  | { status: 'away'; isCauseKnown: boolean; reason: string }
  | { status: 'refusing'; kind: string; reason: string };

/**
 * Watches the state of Redis, twice a second, and reports each change once. A change that ends between two looks is not
 * reported.
 *
 * It sends commands, because a frozen server and a half-open connection look like a quiet server. The commands name our
 * own keys, because a node of a cluster answers PING for any slot. The keys need not exist.
 *
 * It also reads whether the user still has all rights of its role. If not, no script is sent, because Redis denies a
 * script in its middle: see docs/internals/redis.md#scripts-are-atomic-but-nothing-is-undone.
 */
export class RedisHealth {
  readonly #redis: RetryingRedis;
  readonly #keys: string[];
  readonly #asker: { prefix: string; role: RedisRole };
  readonly #onChange: (state: RedisState) => void;
  readonly #timer: NodeJS.Timeout;
  readonly #rightsTimer: NodeJS.Timeout;
  readonly #noteError = (error: unknown) => {
    const known = connectFaultOf(error, this.#redis.options);
    this.#lastError = known === null ? messageOf(error) : this.#textOf(known);
  };
  #state: RedisState = { status: 'ok' };
  #lastError: string | undefined;
  #wasReached = false;
  /** What the user lacks, for people, or `null`. */
  #lack: string | null = null;
  #isAsking = false;
  #silentLooks = 0;

  constructor(redis: RetryingRedis, asker: { prefix: string; role: RedisRole }, onChange: (state: RedisState) => void) {
    this.#redis = redis;
    this.#keys = probeKeys(asker.prefix);
    this.#asker = asker;
    this.#onChange = onChange;
    redis.on('error', this.#noteError);
    this.#timer = setInterval(() => this.#look(), LOOK_MS);
    this.#rightsTimer = setInterval(() => void this.#askRights(), RIGHTS_MS);
  }

  /** What is wrong with Redis, for people, or `null`. */
  get whyNot(): string | null {
    const { status } = this.#state;
    if (status === 'ok') return null;
    return `${status === 'away' ? 'Redis is unavailable' : 'Redis refuses commands'}: ${this.#state.reason}`;
  }

  close(): void {
    clearInterval(this.#timer);
    clearInterval(this.#rightsTimer);
    this.#redis.off('error', this.#noteError);
  }

  #look(): void {
    const before = this.#state;
    this.#state = this.#find();
    this.#ask();
    if (labelOf(before) !== labelOf(this.#state)) this.#onChange(this.#state);
  }

  #find(): RedisState {
    const { refusal, status } = this.#redis;
    if (this.#lack !== null && status === 'ready') return { status: 'refusing', kind: DENIAL, reason: this.#lack };
    if (refusal !== null) return refusing(refusal, { ...this.#asker, ...whereOf(this.#redis) });
    if (status !== 'ready') return this.#away();
    if (this.#isAsking && ++this.#silentLooks >= MAX_SILENT_LOOKS) return away('no answer');
    this.#lastError = undefined;
    this.#wasReached = true;
    return { status: 'ok' };
  }

  #away(): RedisState {
    if (this.#lastError !== undefined) return away(this.#lastError);
    if (this.#wasReached) return away('the connection was lost');
    const reason = this.#textOf(silenceOf(this.#redis.status === 'connect', this.#redis.options));
    return { status: 'away', isCauseKnown: false, reason };
  }

  #textOf({ message, remedy }: ConnectFault): string {
    return `${redisName(this.#redis.options)}: ${message}. ${remedy}`;
  }

  /** A user that lacks only the channels continues. Never rejects. Without an answer the previous answer counts. */
  async #askRights(): Promise<void> {
    if (this.#redis.status !== 'ready') return;
    const { prefix, role } = this.#asker;
    const missing = await missingRights((args) => this.#redis.sendOnce('eval', args), role, prefix);
    if (missing === null) return;
    const { message, remedy } = lackOf(this.#redis.options, role, missing);
    const isEnough = missing.every(isChannelRight);
    this.#lack = isEnough ? null : `${message}. ${remedy}`;
    this.#redis.holdScripts(isEnough ? null : `NOPERM ${message}`);
  }

  #ask(): void {
    if (this.#isAsking || this.#redis.status !== 'ready') return;
    this.#isAsking = true;
    const answered = () => {
      this.#isAsking = false;
      this.#silentLooks = 0;
    };
    this.#redis.exists(...this.#keys).then(answered, answered);
  }
}

function away(reason: string): RedisState {
  return { status: 'away', isCauseKnown: true, reason };
}

function whereOf({ options: { host, username } }: RetryingRedis): { host: string | undefined } & Asker {
  return { host, username };
}

function refusing(refusal: string, asked: Asker & { host?: string | undefined }): RedisState {
  const slot = slotRefusalOf(refusal, asked);
  if (slot === null) {
    const remedy = explainRefusal(refusal, asked)?.remedy;
    const reason = remedy === undefined ? refusal : `${refusal.replace(/\.$/, '')}. ${remedy}`;
    // Redis words a missing right in several ways, for one command after the other. All of them are one state.
    const kind = isDenial(refusal) ? DENIAL : refusal.split(' ', 1).join();
    return { status: 'refusing', kind, reason };
  }
  // While a slot moves, commands get ASK and TRYAGAIN in turn, so these count as one state. MOVED names a node, and
  // another node is a change.
  const kind = slot.status === 'moving' ? 'moving' : slot.message;
  return { status: 'refusing', kind, reason: `${slot.message}. ${slot.remedy}` };
}

/** Two states with the same label are the same state: another kind of refusal is a change, another reason is not. */
function labelOf(state: RedisState): string {
  if (state.status === 'refusing') return `refusing ${state.kind}`;
  return state.status === 'away' && !state.isCauseKnown ? 'not reached yet' : state.status;
}
