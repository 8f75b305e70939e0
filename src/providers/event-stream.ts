import { createParser, type EventSourceMessage } from 'eventsource-parser';
import { faultOfAnswer, isRecord } from './faults.ts';
import { MOST_CHARS } from './fetch.ts';
import type { ProviderProfile } from './profile.ts';

/** What came where something came and said nothing: a ping, a comment, a piece of an event. The stream is alive. */
export const SILENCE = Symbol('silence');

/** What came where a provider sent `[DONE]`: it will send no more, though the body may stay open. */
export const DONE = Symbol('done');

/** An event of a wire, or what came in its place. */
export type StreamItem<Event> = Event | typeof SILENCE | typeof DONE;

/** What a provider answers a streamed call with; the events are those of its wire. */
export type EventStream<Event> = { events: AsyncIterable<StreamItem<Event>>; response: Response };

/** Reads the body of an answer as server-sent events. Nothing is read before the events are asked for. */
export function eventStreamOf<Event>(profile: ProviderProfile, response: Response): EventStream<Event> {
  return { events: eventsIn(profile, response), response };
}

/**
 * The events of a body, each parsed from its JSON. An event that says that the call failed is thrown, under every name
 * that the three wires have for it; what says nothing (`ping`, comments) comes out as one {@link SILENCE} a piece of the
 * body, because a model that thinks for minutes may send nothing else.
 *
 * The streams of the SDKs do the same, for twice the CPU time of a token
 * (docs/decisions/2026-11-22-our-own-transport.md).
 */
async function* eventsIn<Event>(profile: ProviderProfile, response: Response): AsyncGenerator<StreamItem<Event>> {
  const told = (message: EventSourceMessage) => eventOf(profile, response, message) as Event | typeof DONE | undefined;
  const messages: EventSourceMessage[] = [];
  const parser = createParser({
    onEvent: (message) => messages.push(message),
    onError: (error) => {
      if (error.type === 'max-buffer-size-exceeded') throw error;
    },
    maxBufferSize: MOST_CHARS,
  });
  const decoder = new TextDecoder();
  for await (const chunk of response.body ?? []) {
    parser.feed(decoder.decode(chunk, { stream: true }));
    let isSilent = true;
    for (const message of messages.splice(0)) {
      const event = told(message);
      if (event === undefined) continue;
      isSilent = false;
      yield event;
    }
    if (isSilent) yield SILENCE;
  }
  // Some servers leave out the blank line after their last event. What was cut in the middle is none.
  parser.feed('\n\n');
  for (const message of messages.filter(({ data }) => isDone(data) || jsonOf(data) !== undefined)) {
    const event = told(message);
    if (event !== undefined) yield event;
  }
}

/** What a message says; `undefined` for one that says nothing. */
function eventOf(profile: ProviderProfile, response: Response, { event: name, data }: EventSourceMessage): unknown {
  if (name === 'ping' || data.trim() === '') return undefined;
  if (isDone(data)) return DONE;
  const event = jsonOf(data);
  const complaint = isRecord(event) ? complaintOf(event) : undefined;
  if (name === 'error' || complaint) {
    const message = typeof complaint === 'string' ? complaint : data;
    throw faultOfAnswer(profile, { headers: response.headers, body: complaint ?? event, message });
  }
  if (event === undefined) throw new SyntaxError('an event that is not JSON');
  return event;
}

/** What went wrong, as an event of one of the wires tells it; `undefined` where nothing did. */
function complaintOf(event: Record<string, unknown>): unknown {
  if (event.type === 'response.failed' && isRecord(event.response)) return event.response.error ?? event.response;
  return event.error || (event.type === 'error' ? event : undefined);
}

function isDone(data: string): boolean {
  return data.trim() === '[DONE]';
}

function jsonOf(data: string): unknown {
  try {
    return JSON.parse(data);
  } catch {
    return undefined;
  }
}
