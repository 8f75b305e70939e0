import { createServer, type Server } from 'node:http';
import { cannotListen } from '../contract/listening.ts';
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
  port?: number;
  host?: string;
  script?: ScriptInput;
  /** How many requests are remembered. */
  logLimit?: number;
};

const DEFAULT_LOG_LIMIT = 10_000;

function listen(server: Server, port: number, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const settings = { host: 'host (--host)', port: 'port (--port)' };
    server.once('error', (error) => reject(cannotListen(error, { what: 'simulator', host, port, settings })));
    server.listen({ port, host, backlog: 4096 }, () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : port);
    });
  });
}

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
  const server = createServer({ keepAliveTimeout: 60_000 }, (req, res) => {
    if (req.url?.startsWith('/_sim/')) answerOwnPath(req, res, log);
    else void answerModelCall(req, res, ++seq, { playbook, background, log });
  });
  const boundPort = await listen(server, port, host);
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${boundPort}`,
    port: boundPort,
    requests: () => log.list(),
    clearRequests: () => log.clear(),
    onRequest: (listener) => log.onRequest(listener),
    get inFlight() {
      return log.inFlight;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
