import { isIP } from 'node:net';

/**
 * What a node of a Redis Cluster says that does not serve the slot of our keys.
 *
 * - `elsewhere`: another node holds the slot, or the server does not keep our keys together. Waiting does not mend it.
 * - `moving`: the slot is on its way to another node.
 * - `down`: no node serves the slot.
 */
export type SlotRefusal = { status: 'elsewhere' | 'moving' | 'down'; message: string; remedy: string };

/** The server that answered: an address without a host in its reply means the same host. */
type Asked = { host?: string | undefined };

const REFUSAL = /^(MOVED|ASK|TRYAGAIN|CLUSTERDOWN|CROSSSLOT)(?: |$)/;
const REDIRECTION = /^(?:MOVED|ASK) (\d{1,5}) (\S*):(\d{1,5})$/;
const HOST_NAME = /^[a-z0-9_]([a-z0-9._-]{0,251}[a-z0-9_.])?$/i;

/** Two keys of the prefix that are never written. One would not show a server that puts our keys into different slots. */
export function probeKeys(prefix: string): string[] {
  return [`${prefix}:probe:a`, `${prefix}:probe:b`];
}

/**
 * Reads the error text of a server that does not serve our slot; `null` if it says something else. An address that the
 * server names is shown to people only, and only if it is one: a client connects to the address it was configured with.
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
        remedy: 'Use a Redis that hashes keys by the text in braces, as Redis Cluster does, or one without a cluster.',
      };
    case 'CLUSTERDOWN':
      return {
        status: 'down',
        message: 'CLUSTERDOWN: no node of the Redis Cluster serves the slot of our keys',
        remedy: 'Mend the cluster: "redis-cli --cluster check" lists the slots that no node serves.',
      };
    default:
      return {
        status: 'moving',
        message: `${kind}: the slot of our keys is on its way to ${node ?? 'another node'} of the Redis Cluster`,
        remedy: `Wait until it has moved. Then point REDIS_URL at ${node ?? 'that node'}.`,
      };
  }
}

/** `host:port` of the node that a redirection names, or `null` if it names none that can be an address. */
function nodeIn(text: string, asked: Asked): string | null {
  const [, , named = '', port = ''] = REDIRECTION.exec(text) ?? [];
  const host = named === '' ? (asked.host ?? '') : named;
  if (Number(port) < 1 || Number(port) > 65_535) return null;
  if (isIP(host) === 6) return `[${host}]:${port}`;
  return isIP(host) === 4 || HOST_NAME.test(host) ? `${host}:${port}` : null;
}
