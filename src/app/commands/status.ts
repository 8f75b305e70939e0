import { composeProducer } from '../compose-producer.ts';
import { loadConfig, processSecrets } from '../config.ts';
import { EXIT } from '../exit-code.ts';
import type { Screen } from '../screen/screen.ts';
import { statusText } from '../screen/status-text.ts';

/** Prints the status of a batch. Returns 1 if a finished task did not succeed. */
export async function status(batchId: string, { json = false }: { json?: boolean }, screen: Screen): Promise<number> {
  const producer = composeProducer(loadConfig(), processSecrets());
  try {
    const found = await producer.status(batchId);
    if (json) screen.json(found);
    else screen.print(statusText(found));
    return found.ended === found.counts.succeeded ? EXIT.ok : EXIT.failed;
  } finally {
    await producer.close();
  }
}
