import { Redactor } from '../../base/secret.ts';
import { quoted } from '../../base/text.ts';
import { withinTime } from '../../base/within-time.ts';
import { ErrandError, messageOf } from '../../errors.ts';
import { createLog } from '../../telemetry/log.ts';
import { closePrototypes } from '../close-prototypes.ts';
import { HANDING_BACK_MS, type RunningWorker, startWorker } from '../compose-worker.ts';
import { type Config, loadConfig, processEnvironment, processSecrets } from '../config.ts';
import { EXIT } from '../exit-code.ts';
import type { WorkerSurroundings } from '../open-worker.ts';
import { MAX_CONCURRENCY, overWorker, type WorkerChoice, wrongProvider } from '../over-worker.ts';
import { aborted, onStop } from '../stopping.ts';
import { loadOwnTools } from '../tool-modules.ts';

/**
 * `only`: the providers whose tasks the worker takes, separated by commas. `concurrency`: tasks at a time in each lane.
 */
export type WorkerFlags = { only?: string; concurrency?: string };

/**
 * Runs a worker until a signal asks it to stop, then drains it. Writes only its log, to standard output. This process
 * runs nothing but the worker, so its prototypes are closed after its tool modules are loaded, which may complete them;
 * `createWorker` leaves those of its host open.
 *
 * @throws ErrandError `USAGE_INVALID` for wrong flags; the errors of {@link startWorker} and {@link loadConfig}.
 */
export async function worker(flags: WorkerFlags): Promise<number> {
  const stopping = onStop();
  const config = loadConfig(processEnvironment(), overWorker({}, choiceOf(flags)));
  const redactor = new Redactor();
  const isPretty = process.stdout.isTTY === true;
  const log = createLog({ level: config.worker.log_level, isPretty, redactor, output: process.stdout });
  const stopped = aborted(stopping);
  let isTaking = false;
  const onTaking = () => {
    isTaking = true;
  };
  const starting = startWithTools(config, { log, redactor, secrets: processSecrets(), onTaking });
  await Promise.race([starting, stopped]);
  // A worker that still waits for its Redis has no tasks to return.
  if (stopping.aborted && !isTaking) process.exit(EXIT.ok);
  const running = await (stopping.aborted ? withinTime(starting, HANDING_BACK_MS, notStarted) : starting);
  await stopped;
  log.info({ why: messageOf(stopping.reason) }, 'asked to stop');
  await running.drain();
  // A tool module may hold a connection or a timer, which would keep the process running.
  if (config.tool_modules.length > 0) process.exit(EXIT.ok);
  return EXIT.ok;
}

async function startWithTools(config: Config, surroundings: WorkerSurroundings): Promise<RunningWorker> {
  const toolsets = await loadOwnTools(config);
  closePrototypes();
  return startWorker(config, { ...surroundings, toolsets });
}

/**
 * The error if Redis fails after the worker began to take tasks, before all its queues are ready, and a stop is
 * requested.
 */
function notStarted(): ErrandError {
  const message =
    'running tasks were not returned to the queue: Redis is unavailable (no answer while the worker started)';
  return new ErrandError('REDIS_UNAVAILABLE', message);
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
  const message = `--only: expected one or more of ${known.join(', ')}, separated by commas; got ${what}`;
  const remedy = `Name one or more of ${known.join(', ')}, or declare the provider in errand.config.yaml.`;
  throw new ErrandError('USAGE_INVALID', message, { remedy });
}

function placesIn(text: string): number {
  const places = Number(text);
  if (/^\d+$/.test(text) && places >= 1 && places <= MAX_CONCURRENCY) return places;
  const message = `--concurrency: expected a whole number from 1 to ${MAX_CONCURRENCY}, got "${text}"`;
  throw new ErrandError('USAGE_INVALID', message, {
    remedy: 'Pass the number of tasks at a time in each lane, such as --concurrency 20.',
  });
}
