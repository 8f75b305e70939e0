/**
 * A worker of a storm: settings as JSON in its first argument, the address of the sessions in its environment. Drains on SIGTERM, and ends with whoever
 * started it.
 */
import { createWorker } from '../../../src/entries/worker.ts';
import { sessionsToolset } from '../sessions-toolset.ts';

process.once('disconnect', () => process.exit());
const settings = JSON.parse(process.argv[2] ?? '{}');
const toolsets = [sessionsToolset(process.env.STORM_SESSIONS ?? '')];
const worker = await createWorker({ settings, toolsets });
process.once('SIGTERM', async () => {
  await worker.drain();
  process.exit(0);
});
process.send?.('ready');
