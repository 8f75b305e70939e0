import { startSimulator } from '../../src/entries/simulator.ts';
import { serve } from './serve.ts';

const simulator = await startSimulator({ logLimit: 20 });
serve(simulator.url);
