import type { ReasoningEffort } from '../contract/effort.ts';
import { ErrandError } from '../errors.ts';
import { type EventStream, SILENCE } from './event-stream.ts';
import { faultOf, requestIdOf } from './faults.ts';
import type { ProviderProfile } from './profile.ts';
import { type CallLimits, CallTimers } from './timers.ts';

/** What gathers the events of one wire into a turn. */
export type Reply<Event> = {
  take(event: Event): void;
  /** The terminal event of the wire was seen. */
  readonly isComplete: boolean;
};

/** Sends the request of a call. */
export type OpenStream<Event> = (signal: AbortSignal) => Promise<EventStream<Event>>;

/** Whom a call is made to, how hard it is to think, what the task allows it, and what ends it early. */
export type CallTerms = {
  profile: ProviderProfile;
  effort: ReasoningEffort | null;
  limits: CallLimits | undefined;
  signal: AbortSignal;
};

/** How far a call came. */
type Reading = { response?: Response; events: number; error?: unknown };

async function read<Event>(open: OpenStream<Event>, reply: Reply<Event>, timers: CallTimers): Promise<Reading> {
  const reading: Reading = { events: 0 };
  try {
    const { events, response } = await open(timers.signal);
    reading.response = response;
    timers.headersArrived();
    for await (const event of events) {
      if (event === SILENCE) {
        timers.signOfLife();
        continue;
      }
      reading.events += 1;
      reply.take(event);
      if (reply.isComplete) timers.turnCompleted();
      else timers.eventArrived();
    }
  } catch (error) {
    reading.error = error;
  } finally {
    timers.stop();
  }
  return reading;
}

/** A stream that is cut may end without a word, so an end without the terminal event is an error here. */
function faultOfEnd(profile: ProviderProfile, { response, events }: Reading): ErrandError {
  const type = response?.headers.get('content-type') ?? 'nothing';
  if (events === 0 && !type.startsWith('text/event-stream')) {
    const message = `Provider "${profile.name}" was asked for text/event-stream and sent ${type}.`;
    return new ErrandError('PROVIDER_MALFORMED', message);
  }
  const message = `The stream of provider "${profile.name}" ended after ${events} events, before its terminal event.`;
  return new ErrandError('PROVIDER_STREAM_CUT', message);
}

/**
 * Makes one model call: sends it, feeds its events to `reply`, and returns the provider's id of the request once the
 * turn is complete. What goes wrong after the terminal event no longer matters, an abort included: the turn is paid for.
 *
 * @throws `signal.reason` when the signal aborted, else an `ErrandError` as `Model.turn` promises.
 */
export async function makeCall<Event>(
  { profile, effort, limits, signal }: CallTerms,
  open: OpenStream<Event>,
  reply: Reply<Event>,
): Promise<string | undefined> {
  signal.throwIfAborted();
  const timers = new CallTimers(profile, signal, { limits, effort });
  const reading = await read(open, reply, timers);
  if (reply.isComplete) return reading.response && requestIdOf(reading.response.headers);
  signal.throwIfAborted();
  if (timers.expired) throw timers.expired;
  if (reading.error !== undefined) throw faultOf(profile, reading.error);
  throw faultOfEnd(profile, reading);
}
