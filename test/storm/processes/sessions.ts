/**
 * A service with sessions: `PUT /<ref>` opens one, `DELETE /<ref>` ends it, `POST /<ref>` has an effect in one that is
 * open. Says where it is, and at every message which sessions are open. Ends with whoever started it.
 */
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { noteEffect } from '../effects.ts';

/** How long an effect is under way once it has happened, so that some are when their worker is killed. */
const EFFECT_MS = 60;

const open = new Set<string>();
const server = createServer(async (request, response) => {
  const ref = request.url?.slice(1) ?? '';
  const body = await text(request).catch(() => '');
  if (request.method === 'PUT') open.add(ref);
  if (request.method === 'DELETE') open.delete(ref);
  if (request.method === 'POST') {
    if (!open.has(ref)) return response.writeHead(409).end(`there is no session ${ref}`);
    noteEffect(body);
    await delay(EFFECT_MS);
  }
  response.end(`did ${body}`);
});
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  process.send?.(`http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`);
});
process.once('disconnect', () => process.exit());
process.on('message', () => process.send?.([...open]));
