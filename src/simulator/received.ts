import type { IncomingMessage } from 'node:http';
import { isoNow } from '../base/clock.ts';
import { clip, cut } from '../base/text.ts';
import type { Wire } from '../contract/route.ts';
import type { ModelCall } from './model-call.ts';
import { LOGGED_HEADERS, type LoggedRequest } from './request-log.ts';

const MAX_LOGGED_BODY = 65_536;
const MAX_LOGGED_TEXT = 500;

/** The path endings of the wires. A path may begin with anything, so that one simulator can play several providers. */
const ENDINGS: [string, Wire][] = [
  ['/responses', 'responses'],
  ['/chat/completions', 'chat'],
  ['/messages', 'messages'],
];

/** A request before its body is read. */
export type Door = {
  seq: number;
  method: string;
  path: string;
  /** `null` if no wire has this path, or if the method is not POST. */
  wire: Wire | null;
  key: string | null;
};

function keyOf({ authorization, 'x-api-key': apiKey }: IncomingMessage['headers']): string | null {
  if (typeof apiKey === 'string') return apiKey;
  return authorization?.replace(/^Bearer /i, '') ?? null;
}

/** Reads the request line and the headers of a request. */
export function toDoor(req: IncomingMessage, seq: number): Door {
  const { method = '', url: path = '/' } = req;
  const wire = method === 'POST' ? ENDINGS.find(([ending]) => path.endsWith(ending))?.[1] : undefined;
  return { seq, method, path, wire: wire ?? null, key: keyOf(req.headers) };
}

/** Reads the whole body; resolves with `null` if the client disconnects before the end. */
export function readBody(req: IncomingMessage): Promise<string | null> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    req.on('data', (chunk: Buffer) => chunks.push(chunk));
    req.once('end', () => resolve(Buffer.concat(chunks).toString('utf8')));
    req.once('close', () => resolve(null));
  });
}

/** The log entry of a request that is not answered yet. `call` is `null` if the body is not a model call. */
export function toLogged(req: IncomingMessage, door: Door, body: string, call: ModelCall | null): LoggedRequest {
  const headers: LoggedRequest['headers'] = {};
  for (const name of LOGGED_HEADERS) {
    const value = req.headers[name];
    if (typeof value === 'string') headers[name] = value;
  }
  return {
    ...door,
    at: isoNow(),
    host: req.headers.host ?? '',
    headers,
    model: call?.model ?? null,
    effort: call?.effort ?? {},
    is_stream: call?.isStream ?? false,
    tool_count: call?.toolCount ?? 0,
    turn: call?.turn ?? 1,
    last_user_text: clip(call?.userTexts.at(-1) ?? '', MAX_LOGGED_TEXT),
    body: cut(body, MAX_LOGGED_BODY),
    status: null,
    ended: null,
    ended_at: null,
  };
}
