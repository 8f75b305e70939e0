import { createWorker } from '../../src/entries/worker.ts';
import { errandSettings } from '../errand-settings.ts';
import { serve, surroundings } from './serve.ts';

const { redisUrl, simulatorUrl, concurrency } = surroundings();
const worker = await createWorker({ redis: redisUrl, settings: errandSettings(simulatorUrl, concurrency) });
serve('ready', { inFlight: worker.running });
