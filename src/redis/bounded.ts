import { type ChainableCommander, type Command, Redis, type RedisOptions } from 'ioredis';
import { ErrandError } from '../errors.ts';
import { connectFaultOf } from './connect-faults.ts';

/**
 * The maximum size of one command. Redis serves no other client while it runs a command, and a client sends a command
 * without a reply again. One command of 512 MB blocked a server for four minutes.
 */
export const MAX_COMMAND_BYTES = 4 * 1024 * 1024;

/** A character of a string has at most this many bytes in UTF-8. */
const MAX_BYTES_PER_CHAR = 3;

type Inner = { sendCommand: (command: Command) => unknown; exec: (...args: unknown[]) => Promise<unknown> };

/**
 * A client that sends no command of more than {@link MAX_COMMAND_BYTES}, alone, in a pipeline or in a transaction. It
 * can be closed at any moment.
 */
export class BoundedRedis extends Redis {
  #lastingFault: unknown;
  #isInItsDatabase = false;

  constructor(options: RedisOptions & { replyMapping: 'legacy' }) {
    super(options);
    this.on('error', (error) => {
      if (connectFaultOf(error, this.options)?.isLasting) this.#lastingFault = error;
    });
    this.on('ready', () => {
      this.#lastingFault = undefined;
    });
  }

  /** The last connection error that only another setting ends. Other errors of later attempts may explain less. */
  get lastingFault(): unknown {
    return this.#lastingFault;
  }

  /**
   * Refuses a Redis without the database that the address names. Asks once; a Redis that does not answer the question
   * passes. Without this check ioredis continues in database 0: see
   * docs/internals/redis.md#a-database-that-does-not-exist.
   *
   * @throws ErrandError `REDIS_UNSUITABLE`, naming the database.
   */
  async assertDatabase(): Promise<void> {
    const { db = 0 } = this.options;
    if (db === 0 || this.#isInItsDatabase) return;
    const answer = await this.call('CLIENT', 'INFO').catch(() => null);
    if (answer === null) return;
    const used = /\bdb=(\d+)/.exec(String(answer))?.[1];
    if (used !== undefined && Number(used) !== db) {
      const remedy = 'End REDIS_URL with /0, and set "prefix" (ERRAND_PREFIX) to separate deployments.';
      const message = `REDIS_URL selects database ${db}, which this server does not have`;
      throw new ErrandError('REDIS_UNSUITABLE', message, { remedy });
    }
    this.#isInItsDatabase = true;
  }

  override sendCommand(...sent: Parameters<Redis['sendCommand']>): unknown {
    const [command, stream] = sent;
    // Commands of a pipeline were checked when they were added. Leaving one out here would shift the replies of the
    // others.
    const refusal = stream === undefined ? refusalOf(command) : null;
    if (refusal === null) return super.sendCommand(...sent);
    command.reject(refusal);
    return command.promise;
  }

  /**
   * Closes the connection. During a failing TLS handshake the closed socket reports a second error. The client listens
   * only for the first, so the second would end the process.
   */
  override disconnect(reconnect?: boolean): void {
    const { stream } = this;
    stream?.on('error', () => undefined);
    super.disconnect(reconnect);
  }

  override pipeline(...batch: Parameters<Redis['pipeline']>): ChainableCommander {
    return bounded(super.pipeline(...batch));
  }

  override multi(options: { pipeline: false }): Promise<'OK'>;
  override multi(options?: unknown): ChainableCommander;
  override multi(options?: unknown): Promise<'OK'> | ChainableCommander {
    const isPlain = typeof options === 'object' && options !== null && 'pipeline' in options && !options.pipeline;
    return isPlain ? super.multi({ pipeline: false }) : bounded(Reflect.apply(super.multi, this, [options]));
  }
}

/**
 * Makes a whole pipeline fail if one of its commands is too large: none of its commands is sent. The pipeline fails
 * when it is sent, not when the command is added, because BullMQ does not await the commands that it adds in bulk.
 */
function bounded(pipeline: ChainableCommander): ChainableCommander {
  // The types of ioredis lack `sendCommand`.
  const inner = pipeline as unknown as Inner;
  const [add, exec] = [inner.sendCommand.bind(pipeline), inner.exec.bind(pipeline)];
  let refusal: ErrandError | null = null;
  inner.sendCommand = (command) => {
    refusal ??= refusalOf(command);
    return add(command);
  };
  inner.exec = (...args) => (refusal === null ? exec(...args) : Promise.reject(refusal));
  return pipeline;
}

function refusalOf({ name, args }: Command): ErrandError | null {
  let units = 0;
  for (const arg of args) units += typeof arg === 'string' || Buffer.isBuffer(arg) ? arg.length : 8;
  if (units * MAX_BYTES_PER_CHAR <= MAX_COMMAND_BYTES) return null;
  const bytes = args.reduce((sum: number, arg) => sum + (typeof arg === 'string' ? Buffer.byteLength(arg) : 0), 0);
  const whole = args.reduce((sum: number, arg) => sum + (Buffer.isBuffer(arg) ? arg.length : 0), bytes);
  if (whole <= MAX_COMMAND_BYTES) return null;
  const message = `the command ${name} of ${whole} bytes was not sent to Redis; the maximum is ${MAX_COMMAND_BYTES} bytes`;
  return new ErrandError('INTERNAL', message);
}
