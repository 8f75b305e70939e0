import type { IncomingMessage, ServerResponse } from 'node:http';
import type { LoggedRequest, RequestLog } from './request-log.ts';

function sendJson(res: ServerResponse, status: number, value: unknown): void {
  res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}

function listRequests(log: RequestLog, query: URLSearchParams): LoggedRequest[] {
  const model = query.get('model');
  const all = log.list().filter((request) => model === null || request.model === model);
  const limit = Number(query.get('limit') ?? all.length);
  return limit > 0 ? all.slice(-limit) : [];
}

/** Answers the paths under `/_sim`: the log over HTTP, for a test that runs the simulator in another process. */
export function answerOwnPath(req: IncomingMessage, res: ServerResponse, log: RequestLog): void {
  const { pathname, searchParams } = new URL(req.url ?? '/', 'http://simulator');
  const asked = `${req.method} ${pathname}`;
  if (asked === 'GET /_sim/requests') sendJson(res, 200, { requests: listRequests(log, searchParams) });
  else if (asked === 'GET /_sim/health') sendJson(res, 200, { status: 'ok', in_flight: log.inFlight });
  else if (asked === 'DELETE /_sim/requests') {
    log.clear();
    res.writeHead(204).end();
  } else sendJson(res, 404, { error: { message: `no such path: ${asked}` } });
}
