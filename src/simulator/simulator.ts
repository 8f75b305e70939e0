import { openHttpServer } from '../contract/http-server.ts';
import { BackgroundResponses } from './background.ts';
import { answerModelCall } from './model-endpoint.ts';
import { answerOwnPath } from './own-paths.ts';
import { Playbook } from './playbook.ts';
import { type LoggedRequest, type RequestListener, RequestLog } from './request-log.ts';
import { parseScript, type ScriptInput } from './script.ts';

/** A running simulator. */
export type Simulator = {
  /** Base of all paths, without a final slash: `http://127.0.0.1:4010`. */
  url: string;
  port: number;
  /** The last requests, oldest first. */
  requests(): LoggedRequest[];
  clearRequests(): void;
  /** Tells of every request when it is received and when it has ended; returns the function that stops it. */
  onRequest(listener: RequestListener): () => void;
  /** Requests received that have not ended. */
  readonly inFlight: number;
  /** Stops, and ends the sockets that are still open. */
  close(): Promise<void>;
};

/** How to start a simulator. */
export type SimulatorOptions = {
  /** 0 takes any free port. */
  port?: number | undefined;
  /** @default '127.0.0.1' */
  host?: string | undefined;
  script?: ScriptInput | undefined;
  /** How many requests are remembered. @default 10,000 */
  logLimit?: number | undefined;
};

const DEFAULT_LOG_LIMIT = 10_000;

const SETTINGS = { host: 'host (--host)', port: 'port (--port)' };

/**
 * Wider than those of a server that strangers reach: thousands of children call it at once, whole transcripts are sent to it, a
 * worker under test is frozen for minutes, and a reply that hangs on purpose must not delay the end.
 */
const LIMITS = {
  maxConnections: 16_384,
  maxBodyBytes: 134_217_728,
  requestMs: 300_000,
  keepAliveMs: 60_000,
  unreadMs: 300_000,
  closeMs: 0,
};

/**
 * Starts a server that speaks OpenAI Responses, OpenAI Chat Completions and Anthropic Messages, streamed or not.
 *
 * Throws `CONFIG_INVALID` if the script does not parse, and `ADDRESS_IN_USE` or `CONFIG_INVALID` if it cannot listen.
 */
export async function startSimulator(options: SimulatorOptions = {}): Promise<Simulator> {
  const { port = 0, host = '127.0.0.1', script = { rules: [] }, logLimit = DEFAULT_LOG_LIMIT } = options;
  const playbook = new Playbook(parseScript(script));
  const background = new BackgroundResponses();
  const log = new RequestLog(logLimit);
  let seq = 0;
  const server = await openHttpServer(
    (req, res) => {
      if (req.url?.startsWith('/_sim/')) return answerOwnPath(req, res, log);
      return answerModelCall(req, res, ++seq, { playbook, background, log });
    },
    { what: 'simulator', host, port, settings: SETTINGS },
    LIMITS,
  );
  return {
    url: server.url,
    port: server.port,
    requests: () => log.list(),
    clearRequests: () => log.clear(),
    onRequest: (listener) => log.onRequest(listener),
    get inFlight() {
      return log.inFlight;
    },
    close: () => server.close(),
  };
}
