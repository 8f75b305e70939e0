/** A worker of the tree in its first argument, with settings as JSON in the second. Drains on SIGTERM. */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const [tree = '', settings = '{}'] = process.argv.slice(2);
const library: typeof import('../../../src/worker.ts') = await import(pathToFileURL(join(tree, 'src/worker.ts')).href);

process.once('disconnect', () => process.exit());
const worker = await library.createWorker({ settings: JSON.parse(settings) });
process.once('SIGTERM', async () => {
  await worker.drain();
  process.exit(0);
});
process.send?.('ready');
