import { counted } from '../base/text.ts';
import type { Evidence } from '../contract/cleanup.ts';

/** A client of this process. `close` aborts its requests and counts the requests that are still in flight. */
type LiveClient = { close(): Promise<{ inFlight: number }> };

/** The client of a provider. It is released by closing it. Its sockets end with its process. */
export const CLIENT_KIND = {
  kind: 'client',
  outlivesProcess: false,
  /** Another process has nothing to release, so there is no doubt. */
  doubt: () => null,
  release: async (_ref: string, live: LiveClient | undefined): Promise<{ evidence: Evidence; detail: string }> => {
    if (!live) return { evidence: 'implied', detail: 'the process of the client ended, and its sockets with it' };
    const { inFlight } = await live.close();
    if (inFlight > 0) return { evidence: 'unknown', detail: `${counted(inFlight, 'request')} still in flight` };
    return { evidence: 'verified', detail: 'no request is in flight' };
  },
};
