import OpenAI from 'openai';
import type {
  Response as OpenAIResponse,
  ResponseIncludable,
  ResponseStreamEvent,
} from 'openai/resources/responses/responses';
import { ResponseId } from '../../contract/checkpoint.ts';
import { ErrandError } from '../../errors.ts';
import { DONE, type EventStream, eventStreamOf, SILENCE } from '../event-stream.ts';
import { createProviderFetch, type WireCredential } from '../fetch.ts';
import type { BackgroundTies, ResponseMark } from '../model.ts';
import type { ProviderProfile } from '../profile.ts';
import { createOpenAIClient } from './openai-client.ts';

type Stream = EventStream<ResponseStreamEvent>;

/** Where the responses of one provider are asked for, and what is to come with them. */
type Connection = { profile: ProviderProfile; client: OpenAI; include: ResponseIncludable[] };

/** Makes a background call: goes on with the response that is known, else asks for one, and notes which it is. */
export async function inBackground(
  connection: Connection,
  ask: () => Promise<Stream>,
  { known, mark, note }: BackgroundTies,
  signal: AbortSignal,
): Promise<Stream> {
  const found = known === undefined ? null : await unlessGone(reattach(connection, { id: known, mark }, signal));
  const { events, response } = found ?? (await ask());
  return { events: noting(events, note, connection.profile), response };
}

/**
 * The events of a response that was asked for before, from its first; `null` if it came to nothing, or if another task
 * asked for it: its id was read from Redis. Its state is looked up first, because a response that has ended is kept for
 * longer than its stream.
 */
async function reattach(
  { profile, client, include }: Connection,
  { id, mark }: { id: string; mark: ResponseMark },
  signal: AbortSignal,
): Promise<Stream | null> {
  const { data: stored, response } = await client.responses.retrieve(id, { include }, { signal }).withResponse();
  if (!carries(stored, mark)) return null;
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

function unusableId({ name }: ProviderProfile): ErrandError {
  return new ErrandError('PROVIDER_MALFORMED', `Provider "${name}" sent a response whose id cannot be used.`);
}

function carries({ metadata }: Partial<OpenAIResponse>, mark: ResponseMark): boolean {
  return metadata?.errand_deployment === mark.errand_deployment && metadata.errand_task === mark.errand_task;
}

async function* justOne(event: ResponseStreamEvent): AsyncGenerator<ResponseStreamEvent> {
  yield event;
}

async function* noting(
  events: Stream['events'],
  note: BackgroundTies['note'],
  profile: ProviderProfile,
): Stream['events'] {
  let isNoted = false;
  for await (const event of events) {
    if (!isNoted && event !== SILENCE && event !== DONE && 'response' in event) {
      isNoted = true;
      if (!ResponseId.safeParse(event.response.id).success) throw unusableId(profile);
      await note(event.response.id);
    }
    yield event;
  }
}

/**
 * Cancels a background response. Resolves with its status afterwards, a final one if it had ended before; with `gone` if the
 * provider does not know it; with `foreign`, and nothing done, if it does not carry the mark. Rejects with whatever the SDK
 * throws.
 */
export async function cancelResponse(
  profile: ProviderProfile,
  credential: WireCredential,
  { id, mark }: { id: string; mark: ResponseMark },
  signal: AbortSignal,
): Promise<string> {
  const client = createOpenAIClient({ profile, fetch: createProviderFetch(profile, credential) });
  // As JSON: the SDK would build the text of the answer from it, which a response need not have.
  const found = await unlessGone(client.responses.retrieve(id, {}, { signal }).asResponse());
  if (found === null) return 'gone';
  const stored = (await found.json()) as Partial<OpenAIResponse> | null;
  if (stored === null || !carries(stored, mark)) return 'foreign';
  if (stored.status !== 'queued' && stored.status !== 'in_progress') return stored.status ?? 'unknown';
  const cancelled = await unlessGone(client.responses.cancel(id, { signal }));
  return cancelled === null ? 'gone' : (cancelled.status ?? 'unknown');
}
