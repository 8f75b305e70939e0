/** The provider of a storm: says where it is, and at every message what it has counted. Ends with whoever started it. */
import { startSimulator } from '../../../src/entries/simulator.ts';
import { Calls } from '../calls.ts';

const calls = new Calls();
const simulator = await startSimulator({ logLimit: 10 });
simulator.onRequest((request, phase) => phase === 'ended' && calls.note(request));
process.once('disconnect', () => process.exit());
process.on('message', () => process.send?.(calls.tally()));
process.send?.(simulator.url);
