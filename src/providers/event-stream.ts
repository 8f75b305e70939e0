import { Readable } from 'node:stream';
import { createParser, type EventSourceMessage, type EventSourceParser } from 'eventsource-parser';
import type { Provider } from '../catalogue/provider.ts';
import type { ErrandError } from '../errors.ts';
import { boundedText, jsonOf } from './body.ts';
import { isComplaintAlone, isComplaintInStream, isFilled, isRecord } from './complaint.ts';
import { faultOfAnswer } from './faults.ts';
import { malformed } from './malformed.ts';
import { MAX_EVENT_CHARS, ReplyBudget, replyTooLarge } from './reply-budget.ts';

/** Marks input without content: a ping, a comment, or a piece of an event. It shows that the stream is alive. */
export const SILENCE = Symbol('silence');

/** Marks the `[DONE]` of a provider: it sends no more events, although the body may stay open. */
export const DONE = Symbol('done');

/** An event of a wire, or the mark {@link SILENCE} or {@link DONE}. */
export type StreamItem<Event> = Event | typeof SILENCE | typeof DONE;

/**
 * The events of a streamed answer, by the pieces in which they arrive; the events are those of its wire. Each event is parsed
 * when it is asked for.
 */
export type EventStream<Event> = { pieces: AsyncIterable<Iterable<StreamItem<Event>>>; response: Response };

/** Reads the body of an answer as server-sent events. Reads nothing before the first event is requested. */
export function eventStreamOf<Event>(provider: Provider, response: Response): EventStream<Event> {
  return { pieces: new StreamReader<Event>(provider, response).pieces(), response };
}

/**
 * Reads the events of a body, each parsed from its JSON. An event that reports a failed call is thrown, under each of its names
 * on the three wires. Events without content (`ping`, comments) become one {@link SILENCE} for each piece of the body, because
 * a model that thinks for minutes may send nothing else. A JSON body is an answer instead of a stream, usually an error.
 *
 * The streams of the SDKs need twice the CPU time for a token (docs/decisions/2026-11-22-our-own-transport.md). The
 * events of a piece are read without a promise: most answers arrive in a few pieces of many events.
 */
class StreamReader<Event> {
  readonly #provider: Provider;
  readonly #response: Response;
  readonly #budget: ReplyBudget;
  readonly #parser: EventSourceParser;
  #messages: EventSourceMessage[] = [];

  constructor(provider: Provider, response: Response) {
    this.#provider = provider;
    this.#response = response;
    this.#budget = new ReplyBudget(provider.name);
    this.#parser = parserOf(provider, (message) => this.#messages.push(message));
  }

  async *pieces(): AsyncGenerator<Iterable<StreamItem<Event>>> {
    const decoder = new TextDecoder();
    let head = '';
    let hasBegun = false;
    const body = bytesOf(this.#response);
    for (let piece = await body.next(); !piece.done; piece = await body.next()) {
      const text = decoder.decode(piece.value, { stream: true });
      if (!hasBegun) head += text.slice(0, MAX_HEAD_CHARS);
      if (!hasBegun && /^\s*[[{]/.test(head)) throw await this.#faultOfJson(body, head);
      hasBegun ||= head.length >= MAX_HEAD_CHARS || /\S/.test(head);
      yield this.#eventsIn(text);
    }
    // Some servers omit the blank line after their last event.
    yield this.#eventsIn('\n\n', true);
  }

  /** The events of one piece of text. At the end of the body an event that was cut in the middle is dropped. */
  *#eventsIn(text: string, isEnd = false): Generator<StreamItem<Event>> {
    this.#parser.feed(text);
    const messages = isEnd ? this.#messages.filter(isWhole) : this.#messages;
    this.#messages = [];
    let isSilent = !isEnd;
    for (const message of messages) {
      const event = this.#eventOf(message);
      if (event === undefined) continue;
      isSilent = false;
      yield event;
      // Weighed after the wire has read it: an event that exceeds the budget may contain the usage and the first part of the
      // text.
      this.#budget.count(event, message.data.length);
    }
    if (isSilent) yield SILENCE;
  }

  #eventOf(message: EventSourceMessage): Event | typeof DONE | undefined {
    return eventOf(this.#provider, this.#response, message) as Event | typeof DONE | undefined;
  }

  async #faultOfJson(body: AsyncIterator<Uint8Array>, head: string): Promise<ErrandError> {
    return faultOfJson(this.#provider, this.#response, await boundedText(body, head));
  }
}

function parserOf(provider: Provider, onEvent: (message: EventSourceMessage) => void): EventSourceParser {
  return createParser({
    onEvent,
    onError: ({ type }) => {
      if (type === 'max-buffer-size-exceeded') throw replyTooLarge(provider.name, 'an event without an end');
    },
    maxBufferSize: MAX_EVENT_CHARS,
  });
}

/** The maximum length of white space before the JSON of an answer that is not a stream. */
const MAX_HEAD_CHARS = 1024;

/** The iterator of the body itself: a generator around it would double the promises of each piece. */
function bytesOf({ body }: Response): AsyncIterator<Uint8Array> {
  return (body ?? Readable.from([]))[Symbol.asyncIterator]();
}

/** The error for an answer of status 200 that is not a stream: its complaint, else the type of its content. */
function faultOfJson(provider: Provider, { status, headers }: Response, text: string): ErrandError {
  const body = jsonOf(text);
  if (isComplaintAlone(body)) return faultOfAnswer(provider, { status, headers, body, message: text });
  return malformedEnd(provider, headers.get('content-type') ?? 'nothing');
}

/** The error for a provider that was asked for a stream and sent something else. */
export function malformedEnd(provider: Provider, type: string): ErrandError {
  return malformed(provider, `${type}; expected text/event-stream`);
}

/** The event in a message; `undefined` for a message without content. */
function eventOf(provider: Provider, response: Response, { event: name, data }: EventSourceMessage): unknown {
  if (name === 'ping' || !/\S/.test(data)) return undefined;
  if (isDone(data)) return DONE;
  const event = jsonOf(data);
  const complaint = isRecord(event) ? complaintOf(event) : undefined;
  if (name === 'error' || complaint) {
    throw faultOfAnswer(provider, { headers: response.headers, body: complaint ?? event, message: data });
  }
  if (event === undefined) throw new SyntaxError('an event that is not JSON');
  return event;
}

/**
 * The failure that an event of any wire reports; `undefined` if it reports none. The wire handles a failed response itself,
 * because that event also reports the billed usage.
 */
function complaintOf(event: Record<string, unknown>): unknown {
  const choice: unknown = Array.isArray(event.choices) ? event.choices[0] : undefined;
  if (isRecord(choice) && isFilled(choice.error)) return choice.error;
  return isComplaintInStream(event) ? event : undefined;
}

/** Longer data is not looked at: nearly all events are JSON of more characters than the mark and the spaces around it. */
const MAX_DONE_CHARS = 64;

/** Tells whether an event has all its data: the mark of the end, or JSON that parses. */
function isWhole({ data }: EventSourceMessage): boolean {
  return isDone(data) || jsonOf(data) !== undefined;
}

function isDone(data: string): boolean {
  return data.length <= MAX_DONE_CHARS && data.trim() === '[DONE]';
}
