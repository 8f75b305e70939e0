import OpenAI from 'openai';
import type { ResponseIncludable, ResponseStreamEvent } from 'openai/resources/responses/responses';
import { DONE, type EventStream, eventStreamOf, SILENCE } from '../event-stream.ts';
import { createProviderFetch, type WireCredential } from '../fetch.ts';
import type { BackgroundTies } from '../model.ts';
import type { ProviderProfile } from '../profile.ts';
import { createOpenAIClient } from './openai-client.ts';

type Stream = EventStream<ResponseStreamEvent>;

/** Where the responses of one provider are asked for, and what is to come with them. */
type Connection = { profile: ProviderProfile; client: OpenAI; include: ResponseIncludable[] };

/** Makes a background call: goes on with the response that is known, else asks for one, and notes which it is. */
export async function inBackground(
  connection: Connection,
  ask: () => Promise<Stream>,
  { known, note }: BackgroundTies,
  signal: AbortSignal,
): Promise<Stream> {
  const found = known === undefined ? null : await unlessGone(reattach(connection, known, signal));
  const { events, response } = found ?? (await ask());
  return { events: noting(events, note), response };
}

/**
 * The events of a response that was asked for before, from its first; `null` where it came to nothing. Its state is
 * looked up first, because a response that has ended is kept for longer than its stream.
 */
async function reattach(
  { profile, client, include }: Connection,
  id: string,
  signal: AbortSignal,
): Promise<Stream | null> {
  const { data: stored, response } = await client.responses.retrieve(id, { include }, { signal }).withResponse();
  if (stored.status === 'queued' || stored.status === 'in_progress') {
    return eventStreamOf(
      profile,
      await client.responses.retrieve(id, { include, stream: true }, { signal }).asResponse(),
    );
  }
  if (stored.status !== 'completed' && stored.status !== 'incomplete') return null;
  const type = stored.status === 'completed' ? 'response.completed' : 'response.incomplete';
  return { events: justOne({ type, response: stored, sequence_number: 0 }), response };
}

/** `null` where the provider does not know the response (any more). */
async function unlessGone<T>(asked: Promise<T>): Promise<T | null> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof OpenAI.NotFoundError) return null;
    throw error;
  }
}

async function* justOne(event: ResponseStreamEvent): AsyncGenerator<ResponseStreamEvent> {
  yield event;
}

async function* noting(events: Stream['events'], note: BackgroundTies['note']): Stream['events'] {
  let isNoted = false;
  for await (const event of events) {
    if (!isNoted && event !== SILENCE && event !== DONE && 'response' in event) {
      isNoted = true;
      await note(event.response.id);
    }
    yield event;
  }
}

/**
 * Cancels a background response. Resolves with its status by then, a final one where it had ended before; with `gone`
 * where the provider does not know it. Rejects with whatever the SDK throws.
 */
export async function cancelResponse(
  profile: ProviderProfile,
  credential: WireCredential,
  id: string,
  signal: AbortSignal,
): Promise<string> {
  const client = createOpenAIClient({ profile, fetch: createProviderFetch(profile, credential) });
  const cancelled = await unlessGone(client.responses.cancel(id, { signal }));
  return cancelled === null ? 'gone' : (cancelled.status ?? 'unknown');
}
