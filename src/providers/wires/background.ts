import OpenAI from 'openai';
import type { ResponseIncludable } from 'openai/resources/responses/responses';
import { fieldOf, foreign, wordOf } from '../../base/foreign.ts';
import type { Provider } from '../../catalogue/provider.ts';
import { ResponseId } from '../../contract/checkpoint.ts';
import type { ErrandError } from '../../errors.ts';
import { type EventStream, eventStreamOf } from '../event-stream.ts';
import { malformed } from '../malformed.ts';
import type { BackgroundTies, ResponseMark } from '../model.ts';
import { createOpenAIClient } from './openai-client.ts';
import type { Endpoint } from './wire.ts';

type Stream = EventStream<unknown>;

/** The client that requests the responses of one provider, and the extras to request with each response. */
type Connection = { provider: Provider; client: OpenAI; include: ResponseIncludable[] };

/** Makes a background call: continues the known response, else requests a new one, and notes its id. */
export async function inBackground(
  connection: Connection,
  ask: () => Promise<Stream>,
  { known, mark, note }: BackgroundTies,
  signal: AbortSignal,
): Promise<Stream> {
  const found = known === undefined ? null : await unlessGone(reattach(connection, { id: known, mark }, signal));
  const { pieces, response } = found ?? (await ask());
  return { pieces: noting(pieces, note, connection.provider), response };
}

/**
 * The events of an earlier response, from the first event. `null` if the response failed or is gone, or if another task
 * asked for it: its id was read from Redis. Looks up its state first, because the provider keeps an ended response longer
 * than its stream.
 */
async function reattach(
  { provider, client, include }: Connection,
  { id, mark }: { id: string; mark: ResponseMark },
  signal: AbortSignal,
): Promise<Stream | null> {
  const response = await client.responses.retrieve(id, { include }, { signal }).asResponse();
  const stored = await stateIn(response);
  if (!carries(stored, mark)) return null;
  const status = wordOf(stored, 'status');
  if (status === 'queued' || status === 'in_progress') {
    return eventStreamOf(
      provider,
      await client.responses.retrieve(id, { include, stream: true }, { signal }).asResponse(),
    );
  }
  if (status !== 'completed' && status !== 'incomplete') return null;
  return { pieces: justOne({ type: `response.${status}`, response: stored }), response };
}

/** Resolves with `null` if the provider does not know the response, or no longer. */
async function unlessGone<T>(asked: Promise<T>): Promise<T | null> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof OpenAI.NotFoundError) return null;
    throw error;
  }
}

function unusableId(provider: Provider): ErrandError {
  return malformed(provider, 'a response with an invalid id; expected 1 to 512 letters, digits or "_.:=+-"');
}

/** The state of a response. It is read as JSON, because the SDK builds a text from the output, which may be missing. */
async function stateIn(response: Response): Promise<unknown> {
  return foreign(await response.json());
}

function carries(stored: unknown, mark: ResponseMark): boolean {
  return (
    fieldOf(stored, 'metadata', 'errand_deployment') === mark.errand_deployment &&
    fieldOf(stored, 'metadata', 'errand_task') === mark.errand_task
  );
}

async function* justOne(event: unknown): AsyncGenerator<unknown[]> {
  yield [event];
}

/** Notes the id of the response before its events are read: until then, each event is a piece of its own. */
async function* noting(pieces: Stream['pieces'], note: BackgroundTies['note'], provider: Provider): Stream['pieces'] {
  let isNoted = false;
  for await (const piece of pieces) {
    if (isNoted) {
      yield piece;
      continue;
    }
    for (const event of piece) {
      const response = isNoted ? undefined : fieldOf(event, 'response');
      if (response !== undefined) {
        isNoted = true;
        const id = ResponseId.safeParse(fieldOf(response, 'id'));
        if (!id.success) throw unusableId(provider);
        await note(id.data);
      }
      yield [event];
    }
  }
}

/**
 * Cancels a background response. Resolves with its status afterwards, which is final if the response had already ended; with
 * `gone` if the provider does not know it; with `foreign`, without cancelling it, if it does not carry the mark. Rejects
 * with the error of the SDK.
 */
export async function cancelResponse(
  endpoint: Endpoint,
  { id, mark }: { id: string; mark: ResponseMark },
  signal: AbortSignal,
): Promise<string> {
  const client = createOpenAIClient(endpoint);
  const found = await unlessGone(client.responses.retrieve(id, {}, { signal }).asResponse());
  if (found === null) return 'gone';
  const stored = await stateIn(found);
  if (!carries(stored, mark)) return 'foreign';
  const status = wordOf(stored, 'status');
  if (status !== 'queued' && status !== 'in_progress') return status || 'unknown';
  const cancelled = await unlessGone(client.responses.cancel(id, { signal }).asResponse());
  return cancelled === null ? 'gone' : wordOf(await stateIn(cancelled), 'status') || 'unknown';
}
