import { oneLine } from '../../base/text.ts';
import { composeProducer } from '../compose-producer.ts';
import { loadConfig, processSecrets } from '../config.ts';
import { EXIT } from '../exit-code.ts';
import type { Screen } from '../screen/screen.ts';

const REASON = 'cancelled from the command line';

/** `reason`: why it is cancelled, stored in the outcomes. `json`: print the result as JSON. */
export type CancelFlags = { reason?: string; json?: boolean };

/** Cancels a batch or a task. Cancelling a finished batch or task changes nothing and is not an error. */
export async function cancel(id: string, { reason, json }: CancelFlags, screen: Screen): Promise<number> {
  const producer = composeProducer(loadConfig(), processSecrets());
  try {
    const done = await producer.cancel(id, reason?.trim() || REASON);
    const texts = {
      cancelled: `${id} is cancelled: waiting tasks will not start, running tasks are aborted`,
      settled: `batch ${id} has already settled; nothing was cancelled`,
      ended: `task ${id} has already ended; nothing was cancelled`,
    };
    const warnings = 'warnings' in done ? (done.warnings ?? []) : [];
    for (const warning of warnings) screen.note(`warning: ${oneLine(warning)}`);
    if (json) screen.json({ id, ...done });
    else screen.print(texts[done.status]);
    return EXIT.ok;
  } finally {
    await producer.close();
  }
}
