import { createBullBoard } from '@bull-board/api';
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import type { UIConfig } from '@bull-board/api/typings/app';
import { HonoAdapter } from '@bull-board/hono';
import { serveStatic } from '@hono/node-server/serve-static';
import type { Hono } from 'hono';
import type { Redactor } from '../src/base/secret.ts';
import type { BoardQueues } from '../src/queue/board-queues.ts';
import { legibleExcerpt } from './legible.ts';
import { permitOperator } from './permissions.ts';
import { titleOf } from './title.ts';

/** The options of Bull Board. `pollMs`: how often an open page refreshes. */
export type BullBoardOptions = { hasOperator: boolean; redactor: Redactor; pollMs: number };

/** Builds the pages and calls of Bull Board over the queues. */
export function bullBoard(queues: BoardQueues, options: BullBoardOptions): Hono {
  const serverAdapter = new HonoAdapter(serveStatic);
  createBullBoard({
    queues: adaptersOf(queues, options),
    serverAdapter,
    options: { uiConfig: uiConfigOf(options), handlerHooks: { before: permitOperator } },
  });
  return serverAdapter.registerPlugin();
}

function adaptersOf({ batches, gates, lanes }: BoardQueues, { hasOperator, redactor }: BullBoardOptions) {
  const readOnlyMode = !hasOperator;
  const settling = { readOnlyMode, allowCompletedRetries: false, description: 'One job per batch' };
  const adapters = [
    new BullMQAdapter(batches, settling),
    new BullMQAdapter(gates, {
      readOnlyMode: true,
      description: 'Gates hold large batches while their tasks are added',
    }),
    ...lanes.map((lane) => new BullMQAdapter(lane, { readOnlyMode, allowRetries: false, description: 'Task jobs' })),
  ];
  for (const adapter of adapters) {
    for (const field of ['data', 'returnValue', 'progress'] as const) {
      adapter.setFormatter(field, (value) => legibleExcerpt(value, redactor));
    }
    adapter.setFormatter('name', titleOf);
  }
  return adapters;
}

function uiConfigOf({ hasOperator, pollMs }: BullBoardOptions): UIConfig {
  return {
    boardTitle: 'Errand',
    environment: hasOperator
      ? { label: 'operator', color: '#9a3412', textColor: '#ffffff' }
      : { label: 'read-only', color: '#3f6212', textColor: '#ffffff' },
    miscLinks: [{ text: 'Find by id', url: '/find' }],
    pollingInterval: { showSetting: false, forceInterval: pollMs / 1000 },
    hideRedisDetails: true,
    hideDocsLink: true,
    showWorkers: false,
    jobDetails: { defaultTab: 'Data' },
  };
}
