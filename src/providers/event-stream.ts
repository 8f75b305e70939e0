import { createParser, type EventSourceMessage } from 'eventsource-parser';
import { clip } from '../base/text.ts';
import { faultOfAnswer, isRecord } from './faults.ts';
import { MOST_CHARS } from './fetch.ts';
import type { ProviderProfile } from './profile.ts';

/** What a provider answers a streamed call with; the events are those of its wire. */
export type EventStream<Event> = { events: AsyncIterable<Event>; response: Response };

/** The most that is told of an event that says what went wrong in words of its own. */
const MESSAGE_CHARS = 300;

/** Reads the body of an answer as server-sent events. Nothing is read before the events are asked for. */
export function eventStreamOf<Event>(profile: ProviderProfile, response: Response): EventStream<Event> {
  return { events: eventsIn(profile, response), response };
}

/**
 * The events of a body, each parsed from its JSON. An event that says that the call failed is thrown, under every name
 * that the three wires have for it; `ping`, `[DONE]` and empty data say nothing and are left out.
 *
 * The streams of the SDKs do the same, for twice the CPU time of a token
 * (docs/decisions/2026-11-22-our-own-transport.md).
 */
async function* eventsIn<Event>(profile: ProviderProfile, response: Response): AsyncGenerator<Event> {
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
    for (const message of messages.splice(0)) {
      const event = eventOf(profile, response, message);
      if (event !== undefined) yield event as Event;
    }
  }
  // Some servers leave out the blank line after their last event. What was cut in the middle is none.
  parser.feed('\n\n');
  for (const message of messages.filter(({ data }) => jsonOf(data) !== undefined)) {
    const event = eventOf(profile, response, message);
    if (event !== undefined) yield event as Event;
  }
}

/** What a message says; `undefined` for one that says nothing. */
function eventOf(profile: ProviderProfile, response: Response, { event: name, data }: EventSourceMessage): unknown {
  if (name === 'ping' || data === '[DONE]' || data === '') return undefined;
  const event = jsonOf(data);
  const told = isRecord(event) ? event.error : undefined;
  if (name === 'error' || told || (isRecord(event) && event.type === 'error')) {
    const message = clip(typeof told === 'string' ? told : data, MESSAGE_CHARS);
    throw faultOfAnswer(profile, { headers: response.headers, body: event, message });
  }
  if (event === undefined) throw new SyntaxError('an event that is not JSON');
  return event;
}

function jsonOf(data: string): unknown {
  try {
    return JSON.parse(data);
  } catch {
    return undefined;
  }
}
