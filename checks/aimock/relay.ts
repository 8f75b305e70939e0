import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, request, type ServerResponse } from 'node:http';

/** What the client sent: the path, the headers and the body as JSON. */
export type Sent = { path: string; headers: IncomingHttpHeaders; body: unknown };

/** A relay before a server. It stores requests and passes answers on, including how they end. */
export type Relay = {
  url: string;
  /** The requests whose body has this text in it, in order. */
  sentWith: (text: string) => Sent[];
};

/** Starts a relay to the server at `target`. */
export async function startRelay(target: string): Promise<Relay> {
  const kept: (Sent & { text: string })[] = [];
  const server = createServer((req, res) => {
    pass(req, res, target).then(
      (text) => kept.push({ path: req.url ?? '', headers: req.headers, body: JSON.parse(text), text }),
      () => res.destroy(),
    );
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the relay has no port');
  return {
    url: `http://127.0.0.1:${address.port}`,
    sentWith: (wanted) => kept.filter(({ text }) => text.includes(wanted)),
  };
}

/** Passes one exchange on and resolves to the request's body. A broken answer breaks ours. */
async function pass(req: IncomingMessage, res: ServerResponse, target: string): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of req) chunks.push(chunk);
  const body = Buffer.concat(chunks);
  const { host: _, ...headers } = req.headers;
  const onward = request(`${target}${req.url}`, { method: req.method ?? 'POST', headers, agent: false });
  res.on('close', () => onward.destroy());
  onward.on('error', () => res.destroy());
  onward.on('response', (answer) => {
    res.writeHead(answer.statusCode ?? 502, answer.headers);
    res.flushHeaders();
    answer.on('error', () => res.destroy());
    answer.on('aborted', () => res.destroy());
    answer.pipe(res);
  });
  onward.end(body);
  return body.toString('utf8');
}
