import { isRecord } from '../../src/providers/faults.ts';
import { type EndpointName, KEY } from './endpoint.ts';
import type { Sent } from './relay.ts';

/** The header that carried the key; `null` if none did. */
export function keyHeaderOf(sent: Sent | undefined): string | null {
  const key = KEY.reveal();
  const found = Object.entries(sent?.headers ?? {}).filter(([, value]) => value === key || value === `Bearer ${key}`);
  return found.length === 1 ? (found[0]?.[0] ?? null) : found.length > 1 ? 'more than one' : null;
}

/** The fields of a request that limit what is generated, as one text. */
export function limitFieldOf(sent: Sent | undefined): string {
  const fields = Object.keys(isRecord(sent?.body) ? sent.body : {});
  return fields.filter((field) => /^max_(\w+_)?tokens$/.test(field)).join(', ');
}

/** The reasoning that a request echoes to the provider, reduced to the compared fields. */
export function echoOf(endpoint: EndpointName, sent: Sent | undefined): unknown[] {
  const body = isRecord(sent?.body) ? sent.body : {};
  if (endpoint === 'anthropic')
    return listOf(body.messages)
      .flatMap(({ content }) => listOf(content))
      .flatMap(thinkingOf);
  if (endpoint === 'responses' || endpoint === 'azure-v1') return listOf(body.input).flatMap(reasoningOf);
  return listOf(body.messages).flatMap(({ reasoning_content: thoughts }) => (thoughts === undefined ? [] : [thoughts]));
}

function thinkingOf(block: Record<string, unknown>): unknown[] {
  if (block.type === 'redacted_thinking') return [{ data: block.data }];
  return block.type === 'thinking' ? [{ thinking: block.thinking, signature: block.signature }] : [];
}

function reasoningOf(item: Record<string, unknown>): unknown[] {
  if (item.type !== 'reasoning') return [];
  const summary = listOf(item.summary).map(({ text }) => text);
  return [
    {
      summary: summary.join(''),
      isEncrypted: typeof item.encrypted_content === 'string' && item.encrypted_content !== '',
    },
  ];
}

function listOf(value: unknown): Record<string, unknown>[] {
  return Array.isArray(value) ? value.filter(isRecord) : [];
}
