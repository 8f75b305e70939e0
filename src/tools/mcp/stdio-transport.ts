import { ReadBuffer, serializeMessage, type Transport } from '@modelcontextprotocol/client';
import type { GuardedProcess } from '../../processes/guarded-process.ts';

/** The maximum size of one message of a server. */
const MAX_MESSAGE_BYTES = 4 * 1024 * 1024;

/**
 * Speaks MCP with a process: one JSON message a line. Lines that are not JSON are ignored, because some servers log to
 * their output. The end of the output and a message that is too large close the transport. It never ends the process: its
 * owner does.
 */
export function stdioTransport({ stdin, stdout, exited }: GuardedProcess): Transport {
  const buffer = new ReadBuffer({ maxBufferSize: MAX_MESSAGE_BYTES });
  let isClosed = false;
  const close = () => {
    if (isClosed) return;
    isClosed = true;
    stdout.removeListener('data', read).removeListener('end', close);
    stdout.resume();
    buffer.clear();
    transport.onclose?.();
  };
  const read = (chunk: Buffer) => {
    try {
      buffer.append(chunk);
    } catch (error) {
      transport.onerror?.(error as Error);
      close();
    }
    readMessages(buffer, transport, () => isClosed);
  };
  const transport: Transport = {
    start: async () => {
      stdout.on('data', read);
      stdout.once('end', close);
      void exited.then(close);
    },
    send: (message) =>
      new Promise((resolve, reject) => {
        stdin.write(serializeMessage(message), (error) => (error ? reject(error) : resolve()));
      }),
    close: async () => close(),
  };
  return transport;
}

function readMessages(buffer: ReadBuffer, transport: Transport, isClosed: () => boolean): void {
  while (!isClosed()) {
    try {
      const message = buffer.readMessage();
      if (message === null) return;
      transport.onmessage?.(message);
    } catch (error) {
      transport.onerror?.(error as Error);
    }
  }
}
