import type { ServerResponse } from 'node:http';
import { monotonicMs } from '../base/clock.ts';
import { type Answer, refuse, STREAM } from './answer.ts';
import { badRequest } from './fault.ts';
import type { ModelCall } from './model-call.ts';

/** The maximum number of stored responses. One more removes the oldest. */
const MAX_STORED = 10_000;

type ResponseObject = Record<string, unknown> & { id: string; status: string };

/** A response that continues without a reader. Its events follow one another every `gapMs` milliseconds. */
type Stored = {
  answer: Answer;
  events: Event[];
  startedMs: number;
  metadata: Record<string, unknown>;
  isCancelled: boolean;
  readers: Set<ServerResponse>;
};

/** An event as it is sent, and the response in it, if it has one. */
type Event = { text: string; response: ResponseObject | undefined };

function eventOf(text: string): Event {
  const [, data = '{}'] = /^data: (.*)$/m.exec(text) ?? [];
  const { response } = JSON.parse(data) as { response?: ResponseObject };
  return { text, response };
}

/** A request about a stored response. */
type Asked = { id: string; wish: 'state' | 'stream' | 'cancel'; startingAfter: number };

function askedOf(method: string, path: string): Asked | null {
  const url = URL.parse(path, 'http://simulator');
  if (!url) return null;
  const { pathname, searchParams } = url;
  const [, id, cancel] = /\/responses\/([^/]+)(\/cancel)?$/.exec(pathname) ?? [];
  if (id === undefined || method !== (cancel ? 'POST' : 'GET')) return null;
  const wish = cancel ? 'cancel' : searchParams.get('stream') === 'true' ? 'stream' : 'state';
  return { id, wish, startingAfter: Number(searchParams.get('starting_after') ?? -1) };
}

/** The number of events that a response has at this moment. */
function countOf({ answer, events, startedMs }: Stored): number {
  const elapsedMs = monotonicMs() - startedMs - answer.latencyMs;
  if (elapsedMs < 0) return 0;
  return answer.gapMs === 0 ? events.length : Math.min(events.length, Math.floor(elapsedMs / answer.gapMs));
}

/** The current state of a response: the state in its last event, or cancelled. */
function stateOf(stored: Stored): ResponseObject | undefined {
  const { events, isCancelled, metadata } = stored;
  const told = events.slice(0, Math.max(1, countOf(stored))).findLast(({ response }) => response)?.response;
  const status = isCancelled ? { status: 'cancelled' } : {};
  return told && { ...told, ...status, metadata, background: true, store: true };
}

function jsonAnswer({ headers }: Answer, value: unknown): Answer {
  const json = { ...headers, 'content-type': 'application/json' };
  return { status: 200, headers: json, parts: [JSON.stringify(value)], latencyMs: 0, gapMs: 0, ending: 'complete' };
}

function streamAnswer(stored: Stored, startingAfter: number): Answer {
  const { answer, events, isCancelled } = stored;
  const count = countOf(stored);
  const parts = events.map(({ text }) => text);
  const missed = parts.slice(startingAfter + 1, count).join('');
  const coming = isCancelled ? [] : parts.slice(Math.max(count, startingAfter + 1));
  const ending = isCancelled ? 'complete' : answer.ending;
  return { ...answer, headers: { ...answer.headers, ...STREAM }, parts: [missed, ...coming], latencyMs: 0, ending };
}

/** The background responses of the Responses wire. A client can look them up, read them again and cancel them by id. */
export class BackgroundResponses {
  readonly #stored = new Map<string, Stored>();

  /**
   * Stores a response as its whole stream, and returns the answer to the request: `bent`, the stream with the fault of
   * its directive, or the first state of the response if the request is not streamed.
   */
  begin(whole: Answer, bent: Answer, { isStream, metadata }: Pick<ModelCall, 'isStream' | 'metadata'>): Answer {
    const events = whole.parts.map(eventOf);
    const stored: Stored = {
      answer: whole,
      events,
      metadata,
      startedMs: monotonicMs(),
      isCancelled: false,
      readers: new Set(),
    };
    const state = stateOf(stored);
    if (!state) return bent;
    const [oldest] = this.#stored.keys();
    if (this.#stored.size >= MAX_STORED && oldest !== undefined) this.#stored.delete(oldest);
    this.#stored.set(state.id, stored);
    return isStream ? bent : jsonAnswer(whole, { ...state, status: 'queued' });
  }

  /**
   * Answers a request about a stored response; `null` for any other request. A cancel ends the streams that are read.
   */
  answer({ method, path }: { method: string; path: string }, res: ServerResponse, requestId: string): Answer | null {
    const asked = askedOf(method, path);
    if (!asked) return null;
    const stored = this.#stored.get(asked.id);
    if (!stored) {
      return refuse('responses', badRequest(`Response with id '${asked.id}' not found.`, null, 404), requestId);
    }
    if (asked.wish === 'stream') {
      stored.readers.add(res);
      res.once('close', () => stored.readers.delete(res));
      return streamAnswer(stored, asked.startingAfter);
    }
    if (asked.wish === 'cancel') this.#cancel(stored);
    return jsonAnswer(stored.answer, stateOf(stored));
  }

  #cancel(stored: Stored): void {
    const { status } = stateOf(stored) ?? {};
    if (status === 'in_progress') stored.isCancelled = true;
    for (const reader of stored.readers) reader.destroy();
  }
}
