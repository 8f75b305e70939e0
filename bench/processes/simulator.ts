import { startSimulator } from '../../src/simulator/index.ts';
import { serve } from './serve.ts';

const simulator = await startSimulator({ logLimit: 20 });
serve(simulator.url);
