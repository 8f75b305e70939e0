/** A worker of the tree in its first argument, with settings as JSON in the second. Drains on SIGTERM. */
import { entryOf } from '../tree.ts';

const [tree = '', settings = '{}'] = process.argv.slice(2);
const library: typeof import('../../../src/entries/worker.ts') = await import(entryOf(tree, 'worker'));

process.once('disconnect', () => process.exit());
const worker = await library.createWorker({ settings: JSON.parse(settings) });
process.once('SIGTERM', async () => {
  await worker.drain();
  process.exit(0);
});
process.send?.('ready');
