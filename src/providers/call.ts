import { counted } from '../base/text.ts';
import type { Provider } from '../catalogue/provider.ts';
import { ErrandError } from '../errors.ts';
import type { CallLimits } from './call-limits.ts';
import { DONE, type EventStream, malformedEnd, SILENCE, type StreamItem } from './event-stream.ts';
import { faultOf, requestIdOf } from './faults.ts';
import { namingRoute } from './named-refusal.ts';
import { CallTimers } from './timers.ts';

/**
 * The state of a turn: `open` while its end is missing; `finished` once the provider gave a reason for the end, after which
 * more text, calls and usage may still come; `ended` once the terminal event was seen.
 */
export type Stage = 'open' | 'finished' | 'ended';

/** What gathers the events of one wire into a turn. */
export type Reply<Event> = {
  take(event: Event): void;
  /** Handles `[DONE]`; nothing after it is read. */
  takeDone(): void;
  readonly stage: Stage;
};

/** Sends the request of a call. */
export type OpenStream<Event> = (signal: AbortSignal) => Promise<EventStream<Event>>;

/** The provider, the model and the limits of a call, and the signal that ends it early. */
export type CallTerms = {
  provider: Provider;
  model: string;
  limits: CallLimits;
  signal: AbortSignal;
};

/** How a call ended. `isCutOff`: its signal had aborted, or one of its limits had passed. */
type Reading = { response?: Response; events: number; error?: unknown; isCutOff: boolean };

async function read<Event>(open: OpenStream<Event>, reply: Reply<Event>, timers: CallTimers): Promise<Reading> {
  const reading: Reading = { events: 0, isCutOff: false };
  let isLingering = false;
  try {
    const { pieces, response } = await open(timers.signal);
    reading.response = response;
    timers.headersArrived();
    const iterator = pieces[Symbol.asyncIterator]();
    let next = await iterator.next();
    while (!next.done && !takePiece(next.value, reply, reading, timers)) next = await iterator.next();
    if (!next.done) {
      isLingering = true;
      void linger(iterator, timers);
    }
  } catch (error) {
    reading.error = error;
    reading.isCutOff = timers.signal.aborted;
  } finally {
    timers.stop();
    if (!isLingering) timers.closeConnection();
  }
  return reading;
}

/** Hands the events of a piece to the reply. Returns whether the stream is at its end. */
function takePiece<Event>(
  piece: Iterable<StreamItem<Event>>,
  reply: Reply<Event>,
  reading: Reading,
  timers: CallTimers,
): boolean {
  for (const event of piece) {
    if (event === SILENCE) timers.streamIsAlive();
    else if (takeIn(event, reply, reading)) return true;
    else if (reply.stage === 'finished') timers.finishedEventArrived();
    else timers.eventArrived();
  }
  return false;
}

/** Hands an event to the reply. Returns whether the stream is at its end. */
function takeIn<Event>(event: Event | typeof DONE, reply: Reply<Event>, reading: Reading): boolean {
  if (event === DONE) {
    reply.takeDone();
    return true;
  }
  reading.events += 1;
  reply.take(event);
  return reply.stage === 'ended';
}

/** After the terminal event, a body may take this long to end, and send this much more, before its connection is closed. */
const LINGER_MS = 1_000;
const MAX_LINGERING_PIECES = 64;

/** Reads a body to its end, so that its connection can be reused. The turn does not wait for this. */
async function linger(rest: AsyncIterator<unknown>, timers: CallTimers): Promise<void> {
  const timer = setTimeout(() => timers.closeConnection(), LINGER_MS);
  let hasEnded = false;
  try {
    for (let pieces = 0; !hasEnded && pieces < MAX_LINGERING_PIECES; pieces++)
      hasEnded = (await rest.next()).done === true;
  } catch {
    // The turn is complete, even if its connection fails.
  }
  clearTimeout(timer);
  if (!hasEnded) timers.closeConnection();
}

/** Tells whether the turn is complete without its terminal event: the provider had given the reason for the end. */
function isOver(provider: Provider, { error, isCutOff }: Reading): boolean {
  return error === undefined || isCutOff || faultOf(provider, error).code === 'PROVIDER_UNREACHABLE';
}

/** A stream that is cut may end without an error, so an end without the terminal event is an error here. */
function faultOfEnd(provider: Provider, { response, events }: Reading): ErrandError {
  const type = response?.headers.get('content-type') ?? 'nothing';
  if (events === 0 && !type.startsWith('text/event-stream')) return malformedEnd(provider, type);
  const message = `The stream of provider "${provider.name}" ended after ${counted(events, 'event')}, before its terminal event.`;
  return new ErrandError('PROVIDER_STREAM_CUT', message);
}

/**
 * Makes one model call: sends it, feeds its events to `reply`, and returns the provider's id of the request once the turn is
 * complete. Failures after the terminal event no longer matter, an abort included: the turn is paid for. After a reason for
 * the end, silence, an abort or a lost connection complete the turn; an error event fails it.
 *
 * @throws `signal.reason` when the signal aborted, else an `ErrandError` as `Model.turn` promises.
 */
export async function makeCall<Event>(
  { provider, model, limits, signal }: CallTerms,
  open: OpenStream<Event>,
  reply: Reply<Event>,
): Promise<string | undefined> {
  signal.throwIfAborted();
  const timers = new CallTimers(provider.name, limits, signal);
  const reading = await read(open, reply, timers);
  if (reply.stage === 'ended' || (reply.stage === 'finished' && isOver(provider, reading))) {
    return reading.response && requestIdOf(reading.response.headers);
  }
  signal.throwIfAborted();
  const fault = reading.error === undefined ? undefined : faultOf(provider, reading.error);
  // An error body that hangs until a limit passes keeps its status.
  if (timers.expired && fault?.httpStatus === undefined) throw timers.expired;
  throw namingRoute(fault ?? faultOfEnd(provider, reading), { provider, model });
}
