import { Redactor } from '../../base/secret.ts';
import { quoted } from '../../base/text.ts';
import { withinTime } from '../../base/within-time.ts';
import { ErrandError, messageOf } from '../../errors.ts';
import { createLog } from '../../telemetry/log.ts';
import { closePrototypes } from '../close-prototypes.ts';
import { HANDING_BACK_MS, startWorker } from '../compose-worker.ts';
import { loadConfig, processEnvironment, processSecrets } from '../config.ts';
import { EXIT } from '../exit-code.ts';
import { MAX_CONCURRENCY, overWorker, type WorkerChoice, wrongProvider } from '../over-worker.ts';
import { aborted, onStop } from '../stopping.ts';

/** `only`: the providers whose tasks it takes, separated by commas. `concurrency`: tasks at a time in each lane. */
export type WorkerFlags = { only?: string; concurrency?: string };

/**
 * Runs a worker until a signal asks it to stop, then drains it. Logs to standard output, its only result. The process
 * belongs to the worker, so it closes its prototypes. `createWorker` does not change the prototypes of its host.
 *
 * @throws ErrandError `USAGE_INVALID` for its flags; what {@link startWorker} and {@link loadConfig} throw.
 */
export async function worker(flags: WorkerFlags): Promise<number> {
  closePrototypes();
  const stopping = onStop();
  const config = loadConfig(processEnvironment(), overWorker({}, choiceOf(flags)));
  const redactor = new Redactor();
  const isPretty = process.stdout.isTTY === true;
  const log = createLog({ level: config.worker.log_level, isPretty, redactor, output: process.stdout });
  const stopped = aborted(stopping);
  let isTaking = false;
  const starting = startWorker(config, {
    log,
    redactor,
    secrets: processSecrets(),
    onTaking: () => {
      isTaking = true;
    },
  });
  await Promise.race([starting, stopped]);
  // A worker that still waits for its Redis holds nothing that could be handed back.
  if (stopping.aborted && !isTaking) process.exit(EXIT.ok);
  const running = await (stopping.aborted ? withinTime(starting, HANDING_BACK_MS, notStarted) : starting);
  await stopped;
  log.info({ why: messageOf(stopping.reason) }, 'asked to stop');
  await running.drain();
  return EXIT.ok;
}

/** A worker that was asked to stop when it had begun to take tasks, and lost its Redis before all its queues were ready. */
function notStarted(): ErrandError {
  return new ErrandError('REDIS_UNAVAILABLE', 'nothing was handed back: Redis did not answer while the worker started');
}

function choiceOf({ only, concurrency }: WorkerFlags): WorkerChoice {
  return {
    ...(only !== undefined && { only: providersIn(only) }),
    ...(concurrency !== undefined && { concurrency: placesIn(concurrency) }),
  };
}

function providersIn(text: string): string[] {
  const known = loadConfig()
    .providers.map(({ name }) => name)
    .toSorted();
  const names = text.split(',').map((name) => name.trim());
  const wrong = wrongProvider(names, known);
  if (!wrong) return names;
  const what = `${quoted(wrong.name)}${wrong.isRepeated ? ' twice' : ''}`;
  const message = `--only: expected names of providers, separated by commas; known are ${known.join(', ')}; got ${what}`;
  const remedy = `Name one or more of ${known.join(', ')}, or declare the provider in errand.config.yaml.`;
  throw new ErrandError('USAGE_INVALID', message, { remedy });
}

function placesIn(text: string): number {
  const places = Number(text);
  if (/^\d+$/.test(text) && places >= 1 && places <= MAX_CONCURRENCY) return places;
  const message = `--concurrency: expected a whole number from 1 to ${MAX_CONCURRENCY}, got "${text}"`;
  throw new ErrandError('USAGE_INVALID', message, {
    remedy: 'Pass the tasks at a time in each lane: --concurrency 20.',
  });
}
