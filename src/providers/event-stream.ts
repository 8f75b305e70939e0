import { createParser, type EventSourceMessage } from 'eventsource-parser';
import { faultOfAnswer } from './faults.ts';
import type { ProviderProfile } from './profile.ts';

/** What a provider answers a streamed call with; the events are those of its wire. */
export type EventStream<Event> = { events: AsyncIterable<Event>; response: Response };

/** The most that is kept of an event whose end has not come. The longest is the one that repeats a whole response. */
const MOST_CHARS = 16 * 1024 * 1024;

/** Reads the body of an answer as server-sent events. Nothing is read before the events are asked for. */
export function eventStreamOf<Event>(profile: ProviderProfile, response: Response): EventStream<Event> {
  return { events: eventsIn(profile, response), response };
}

/**
 * The events of a body, each parsed from its JSON. An event that says that the call failed is thrown, under every name
 * that the three wires have for it; `ping` and `[DONE]` say nothing and are left out.
 *
 * The streams of the SDKs do the same, for several times the CPU time of a token
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
  for await (const text of textIn(response)) {
    parser.feed(text);
    for (const { event: name, data } of messages.splice(0)) {
      if (name === 'ping' || data === '[DONE]') continue;
      const event = JSON.parse(data);
      if (name === 'error' || event?.type === 'error' || event?.error) {
        throw faultOfAnswer(profile, { headers: response.headers, body: event, message: 'no message' });
      }
      yield event;
    }
  }
}

async function* textIn({ body }: Response): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  for await (const chunk of body ?? []) yield decoder.decode(chunk, { stream: true });
  // Some servers leave out the blank line after their last event.
  yield '\n\n';
}
