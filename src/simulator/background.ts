import type { ServerResponse } from 'node:http';
import { monotonicMs } from '../base/clock.ts';
import { type Answer, refuse, STREAM } from './answer.ts';
import { badRequest } from './fault.ts';
import type { ModelCall } from './model-call.ts';

/** How many responses are remembered; beyond it the oldest is forgotten. */
const MAX_STORED = 10_000;

type ResponseObject = Record<string, unknown> & { id: string; status: string };

/** A response that is worked on whether or not anyone reads it. Its events come one after the other, `gapMs` apart. */
type Stored = {
  answer: Answer;
  events: Event[];
  startedMs: number;
  metadata: Record<string, unknown>;
  isCancelled: boolean;
  readers: Set<ServerResponse>;
};

/** An event as it is sent, and the response as it tells it, where it does. */
type Event = { text: string; response: ResponseObject | undefined };

function eventOf(text: string): Event {
  const [, data = '{}'] = /^data: (.*)$/m.exec(text) ?? [];
  const { response } = JSON.parse(data) as { response?: ResponseObject };
  return { text, response };
}

/** What is asked of a stored response. */
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

/** How many events of a response there are by now. */
function countOf({ answer, events, startedMs }: Stored): number {
  const elapsedMs = monotonicMs() - startedMs - answer.latencyMs;
  if (elapsedMs < 0) return 0;
  return answer.gapMs === 0 ? events.length : Math.min(events.length, Math.floor(elapsedMs / answer.gapMs));
}

/** The response as it is by now: as its last event told it, or cancelled. */
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

/** The background responses of the Responses wire: asked for once, then looked up, read again and cancelled by id. */
export class BackgroundResponses {
  readonly #stored = new Map<string, Stored>();

  /**
   * Keeps what is worked on, as the stream it would be, and returns the answer to the request: the stream itself, bent by
   * `bent` on its way, or the response as it is at its start.
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

  /** Answers what is asked of a stored response; `null` for any other request. A cancel ends the streams that are read. */
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
