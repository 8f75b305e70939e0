import type { Handler } from 'hono';
import { html } from 'hono/html';
import { oneLine } from '../src/base/text.ts';
import type { BoardQueues } from '../src/queue/board-queues.ts';

const form = (notice: string) => html`<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <link rel="icon" href="/static/images/logo.svg" />
    <title>Find a batch or a task</title>
    <style>
      body { font: 16px/1.5 system-ui, sans-serif; max-width: 36rem; margin: 4rem auto; padding: 0 1rem; }
      input { font: inherit; width: 24rem; max-width: 100%; }
      button { font: inherit; }
    </style>
  </head>
  <body>
    <h1>Find a batch or a task</h1>
    <p>${notice}</p>
    <form action="/find">
      <input name="id" aria-label="Batch or task id" placeholder="batch id or task id" autofocus required />
      <button>Find</button>
    </form>
    <p><a href="/">Back to the board</a></p>
  </body>
</html>`;

/** Redirects `/find?id=` to the job of a batch or task id. Bull Board itself has no such search. */
export function findById(queues: BoardQueues): Handler {
  return async (c) => {
    const id = c.req.query('id')?.trim() ?? '';
    if (id === '') return c.html(form('A task id is its batch id, a dash and its number.'));
    if (!queues.isConnected()) return c.html(form('Redis cannot be reached. Try again.'), 503);
    const queue = await queues.queueOf(id);
    if (queue === null)
      return c.html(form(`No queue of this board has a batch or task with the id ${oneLine(id)}.`), 404);
    return c.redirect(`/queue/${encodeURIComponent(queue)}/${encodeURIComponent(id)}`);
  };
}
