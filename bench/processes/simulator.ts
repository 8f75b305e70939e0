import { startSimulator } from '../../src/simulator/index.ts';
import { serve } from './serve.ts';

const simulator = await startSimulator({ logLimit: 10 });
serve(simulator.url);
