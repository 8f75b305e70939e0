/** A worker of a storm: settings as JSON in its first argument. Drains on SIGTERM, and ends with whoever started it. */
import { createWorker } from '../../../src/entries/worker.ts';

process.once('disconnect', () => process.exit());
const worker = await createWorker({ settings: JSON.parse(process.argv[2] ?? '{}') });
process.once('SIGTERM', async () => {
  await worker.drain();
  process.exit(0);
});
process.send?.('ready');
