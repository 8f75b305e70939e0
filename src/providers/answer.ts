import type { IncomingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';
import { ErrandError } from '../errors.ts';
import { boundedText, jsonOf } from './body.ts';
import { assertBounded } from './json-structure.ts';
import { MAX_EVENT_CHARS } from './reply-budget.ts';

/** An answer of the transport. */
export type RawAnswer = { statusCode: number; headers: IncomingHttpHeaders; body: Readable };

/** The headers of an answer, for reading. */
export type AnswerHeaders = Pick<Headers, 'get'>;

/** The maximum size of an answer that is read as one text, such as a stored response with its output and its tools. */
const MAX_TEXT_CHARS = MAX_EVENT_CHARS;

/**
 * The part of `Headers` that the SDKs and our readers use. A `Headers` of Node checks and copies every name and value,
 * and the SDKs read all of them again for a log that is switched off.
 */
class ReceivedHeaders implements AnswerHeaders {
  readonly #fields: RawAnswer['headers'];

  constructor(fields: RawAnswer['headers']) {
    this.#fields = fields;
  }

  /** The value of a header. Values of a repeated header are joined, as `Headers` joins them. */
  get(name: string): string | null {
    const field = name.toLowerCase();
    const value = Object.hasOwn(this.#fields, field) ? this.#fields[field] : undefined;
    return value === undefined ? null : [value].flat().join(', ');
  }

  /** Used only by the logs of the SDKs, which are switched off. */
  entries(): [string, string][] {
    return [];
  }
}

/** The part of a `Response` that the SDKs and our readers use. The body is undici's own stream. */
class Answer {
  readonly status: number;
  readonly headers: AnswerHeaders;
  readonly body: RawAnswer['body'];
  readonly url = '';

  constructor({ statusCode, headers, body }: RawAnswer) {
    this.status = statusCode;
    this.headers = new ReceivedHeaders(headers);
    this.body = body;
  }

  get ok(): boolean {
    return this.status >= 200 && this.status <= 299;
  }

  text(): Promise<string> {
    return this.ok ? textOf(this.body) : errorTextOf(this.body);
  }

  async json(): Promise<unknown> {
    const value = jsonOf(await textOf(this.body));
    if (value === undefined) throw new SyntaxError('an answer that is not JSON');
    return value;
  }
}

/** Makes the `Response` that an SDK gets. It has the status, the headers by name, and the body. */
export function responseOf(answer: RawAnswer): Response {
  return new Answer(answer) as unknown as Response;
}

/** Drops an answer without reading it. */
export function discard({ body }: Pick<RawAnswer, 'body'>): void {
  body.on('error', () => {}).destroy();
}

async function textOf(body: RawAnswer['body']): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of body) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > MAX_TEXT_CHARS) {
      throw new ErrandError('PROVIDER_REPLY_TOO_LARGE', `an answer of more than ${MAX_TEXT_CHARS} characters`);
    }
  }
  const whole = text + decoder.decode();
  assertBounded(whole);
  return whole;
}

/**
 * The body of a refusal, as text in the field `error`: the OpenAI SDK drops the fields beside `error`, which some
 * vendors use (docs/internals/sdks.md). No SDK parses the text.
 */
async function errorTextOf(body: RawAnswer['body']): Promise<string> {
  const text = await boundedText(body[Symbol.asyncIterator]());
  discard({ body });
  return JSON.stringify({ error: text });
}
