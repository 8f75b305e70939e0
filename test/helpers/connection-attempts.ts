import { channel } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';
import { onTestFinished } from 'vitest';

/** The sockets of this process, and the addresses that they try to connect to, from now on. */
export function connectionAttempts(): { sockets: number; addresses: string[] } {
  const seen: { sockets: number; addresses: string[] } = { sockets: 0, addresses: [] };
  const watch = (message: unknown) => {
    seen.sockets += 1;
    const { socket } = message as { socket: Socket };
    socket.on('connectionAttempt', (address: string) => seen.addresses.push(address));
  };
  channel('net.client.socket').subscribe(watch);
  onTestFinished(() => void channel('net.client.socket').unsubscribe(watch));
  return seen;
}
