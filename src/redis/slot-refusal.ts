import { isIP } from 'node:net';

/**
 * The refusal of a Redis Cluster node that does not serve the slot of our keys.
 *
 * - `elsewhere`: another node holds the slot, or the server does not keep our keys together. Waiting does not help.
 * - `moving`: the slot is moving to another node.
 * - `down`: no node serves the slot.
 */
export type SlotRefusal = { status: 'elsewhere' | 'moving' | 'down'; message: string; remedy: string };

/** The server that answered: an address without a host in its reply means the same host. */
type Asked = { host?: string | undefined };

const REFUSAL = /^(MOVED|ASK|TRYAGAIN|CLUSTERDOWN|CROSSSLOT)(?: |$)/;
const REDIRECTION = /^(?:MOVED|ASK) (\d{1,5}) (\S*):(\d{1,5})$/;
const HOST_NAME = /^[a-z0-9_]([a-z0-9._-]{0,251}[a-z0-9_.])?$/i;

/**
 * Two keys of the prefix that are never written. One key would not detect a server that puts our keys into different
 * slots.
 */
export function probeKeys(prefix: string): string[] {
  return [`${prefix}:probe:a`, `${prefix}:probe:b`];
}

/**
 * Reads the error text of a server that does not serve our slot; `null` for any other error. An address in the text is
 * only shown to people, and only if it is valid: a client connects to its configured address.
 */
export function slotRefusalOf(text: string, asked: Asked = {}): SlotRefusal | null {
  const kind = REFUSAL.exec(text)?.[1];
  if (kind === undefined) return null;
  const node = nodeIn(text, asked);
  switch (kind) {
    case 'MOVED':
      return {
        status: 'elsewhere',
        message: `MOVED: ${node ?? 'another node'} of the Redis Cluster holds the slot of our keys`,
        remedy: `Point REDIS_URL at ${node ?? 'the node that holds the slot'}, or at a name that follows the slot.`,
      };
    case 'CROSSSLOT':
      return {
        status: 'elsewhere',
        message: 'CROSSSLOT: the server puts keys with the same hash tag into different slots',
        remedy:
          'Use a Redis that hashes keys by the text in braces, as Redis Cluster does, or a Redis without a cluster.',
      };
    case 'CLUSTERDOWN':
      return {
        status: 'down',
        message: 'CLUSTERDOWN: no node of the Redis Cluster serves the slot of our keys',
        remedy: 'Repair the cluster: "redis-cli --cluster check" lists the slots that no node serves.',
      };
    default:
      return {
        status: 'moving',
        message: `${kind}: the slot of our keys is moving to ${node ?? 'another node'} of the Redis Cluster`,
        remedy: `Wait until the move has ended. Then point REDIS_URL at ${node ?? 'that node'}.`,
      };
  }
}

/** `host:port` of the node that a redirection names, or `null` if it names no valid address. */
function nodeIn(text: string, asked: Asked): string | null {
  const [, , named = '', port = ''] = REDIRECTION.exec(text) ?? [];
  const host = named === '' ? (asked.host ?? '') : named;
  if (Number(port) < 1 || Number(port) > 65_535) return null;
  if (isIP(host) === 6) return `[${host}]:${port}`;
  return isIP(host) === 4 || HOST_NAME.test(host) ? `${host}:${port}` : null;
}
