import { Redactor } from '../../base/secret.ts';
import { messageOf } from '../../errors.ts';
import { createLog } from '../../telemetry/log.ts';
import { closePrototypes } from '../close-prototypes.ts';
import { startWorker } from '../compose-worker.ts';
import { loadConfig } from '../config.ts';
import { EXIT } from '../exit-code.ts';
import { aborted, onStop } from '../stopping.ts';

/**
 * Runs a worker until a signal asks it to stop, then drains it. Logs to standard output, its only result. The process
 * belongs to the worker, so it closes its prototypes. `createWorker` does not change the prototypes of its host.
 */
export async function worker(): Promise<number> {
  closePrototypes();
  const stopping = onStop();
  const config = loadConfig();
  const redactor = new Redactor();
  const isPretty = process.stdout.isTTY === true;
  const log = createLog({ level: config.worker.log_level, isPretty, redactor, output: process.stdout });
  const stopped = aborted(stopping);
  const running = await Promise.race([startWorker(config, log, redactor), stopped]);
  // A worker that still waits for its Redis holds nothing that could be given back.
  if (!running) process.exit(EXIT.ok);
  await stopped;
  log.info({ why: messageOf(stopping.reason) }, 'asked to stop');
  await running.drain();
  return EXIT.ok;
}
