import { openHttpServer } from '../contract/http-server.ts';
import { BackgroundResponses } from './background.ts';
import { answerModelCall } from './model-endpoint.ts';
import { answerOwnPath } from './own-paths.ts';
import { Playbook } from './playbook.ts';
import { PromptCache } from './prompt-cache.ts';
import { type LoggedRequest, type RequestListener, RequestLog } from './request-log.ts';
import { parseScript, type ScriptInput } from './script.ts';

/** A running simulator. */
export type Simulator = {
  /** The base of all paths, without a final slash: `http://127.0.0.1:4010`. */
  url: string;
  port: number;
  /** The last requests, oldest first. */
  requests(): LoggedRequest[];
  clearRequests(): void;
  /**
   * Calls the listener when a request is received and when it has ended. Returns the function that removes the
   * listener.
   */
  onRequest(listener: RequestListener): () => void;
  /** Requests received that have not ended. */
  readonly inFlight: number;
  /** Stops the server and closes the sockets that are still open. */
  close(): Promise<void>;
};

/** How to start a simulator. */
export type SimulatorOptions = {
  /** 0 selects any free port. */
  port?: number | undefined;
  /** @default '127.0.0.1' */
  host?: string | undefined;
  script?: ScriptInput | undefined;
  /** The maximum number of requests in the log. @default 10,000 */
  logLimit?: number | undefined;
};

const DEFAULT_LOG_LIMIT = 10_000;

const SETTINGS = { host: 'host (--host)', port: 'port (--port)' };

/**
 * Higher limits than for a public server: thousands of children call the simulator at once, they send whole
 * transcripts, and a test may freeze a worker for minutes. `closeMs` is 0 because a reply that hangs on purpose must
 * not delay the end.
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
 * Starts a server for OpenAI Responses, OpenAI Chat Completions and Anthropic Messages, streamed or not.
 *
 * @throws ErrandError `CONFIG_INVALID` if the script is invalid, and `ADDRESS_IN_USE` or `CONFIG_INVALID` if it cannot
 * listen.
 */
export async function startSimulator(options: SimulatorOptions = {}): Promise<Simulator> {
  const { port = 0, host = '127.0.0.1', script = { rules: [] }, logLimit = DEFAULT_LOG_LIMIT } = options;
  const playbook = new Playbook(parseScript(script));
  const cache = new PromptCache();
  const background = new BackgroundResponses();
  const log = new RequestLog(logLimit);
  let seq = 0;
  const server = await openHttpServer(
    (req, res) => {
      if (req.url?.startsWith('/_sim/')) return answerOwnPath(req, res, log);
      return answerModelCall(req, res, ++seq, { playbook, cache, background, log });
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
