import { Redactor } from '../../base/secret.ts';
import { counted } from '../../base/text.ts';
import type { BatchInput } from '../../contract/batch.ts';
import type { SecretReader } from '../../credentials/secrets.ts';
import { ErrandError, isErrandError } from '../../errors.ts';
import type { Producer } from '../../producer/producer.ts';
import { assertReachable } from '../../queue/inspection.ts';
import { parseRedisAddress } from '../../redis/address.ts';
import { startSimulator } from '../../simulator/simulator.ts';
import { createLog } from '../../telemetry/log.ts';
import { composeBoard } from '../compose-board.ts';
import { composeProducer } from '../compose-producer.ts';
import type { OwnToolset } from '../compose-toolsets.ts';
import { startWorker } from '../compose-worker.ts';
import { type Config, loadConfig, processEnvironment, processSecrets } from '../config.ts';
import { Disposables } from '../disposables.ts';
import { startEmbeddedRedis } from '../embedded-redis/embedded-redis.ts';
import { EXIT } from '../exit-code.ts';
import { providerKeys } from '../provider-keys.ts';
import { redisOf } from '../redis-settings.ts';
import { isSampleAsExpected, liveSample, SAMPLE_BATCH } from '../sample/sample-batch.ts';
import { simulated, simulatedSecrets } from '../sample/simulated-providers.ts';
import { followBatch } from '../screen/follow-batch.ts';
import type { Screen } from '../screen/screen.ts';
import { showOutcomes } from '../screen/show-outcomes.ts';
import { aborted, onStop } from '../stopping.ts';
import { loadOwnTools } from '../tool-modules.ts';

const HOME = '.errand';
const REACHABLE_WITHIN_MS = 3_000;

/**
 * `exit`: exit when the sample settles. `live`: call real providers, which costs money. `verbose`: print the worker's
 * log.
 */
export type UpFlags = { exit?: boolean; live?: boolean; verbose?: boolean };

/**
 * The configuration, secrets and own toolsets of this run, and its sample batch. `ownRedis`: the address of the Redis
 * that it started.
 */
type UpContext = {
  config: Config;
  secrets: SecretReader;
  toolsets: readonly OwnToolset[];
  ownRedis: string | null;
  sample: BatchInput & { tasks: { goal: string }[] };
};

/**
 * Runs all of Errand in one process: Redis, providers, a worker and the board; then the sample batch. Serves until a
 * signal asks to stop, then closes everything.
 */
export async function up(flags: UpFlags, screen: Screen): Promise<number> {
  const config = loadConfig();
  const exitCode = await serve(config, flags, screen);
  // A tool module may hold a connection or a timer, which would keep the process running.
  if (config.tool_modules.length > 0) process.exit(exitCode);
  return exitCode;
}

async function serve(config: Config, flags: UpFlags, screen: Screen): Promise<number> {
  const stopping = onStop();
  const opened = new Disposables();
  try {
    const station = await prepare(config, flags, opened, screen);
    stopping.throwIfAborted();
    await startOwnWorker(station, flags, opened);
    const boardUrl = await startOwnBoard(station, opened, screen);
    stopping.throwIfAborted();
    const producer = opened.add(composeProducer(station.config, station.secrets), (running) => running.close());
    const isAsExpected = await runSample(producer, station.sample, flags, { signal: stopping, screen });
    if (flags.exit) return isAsExpected ? EXIT.ok : EXIT.failed;
    screen.print(`\nboard at ${boardUrl}`);
    screen.note(
      `To enqueue a batch from another terminal: ${variablesFor(station)}npm run -s errand -- enqueue FILE --wait`,
    );
    screen.note('Serving until Ctrl-C.');
    await aborted(stopping);
    return EXIT.ok;
  } catch (error) {
    if (error !== stopping.reason) throw error;
    return flags.exit ? EXIT.interrupted : EXIT.ok;
  } finally {
    if (stopping.aborted) screen.note('Stopping. Press Ctrl-C again to exit at once.');
    await opened.close();
  }
}

async function prepare(given: Config, { live }: UpFlags, opened: Disposables, screen: Screen): Promise<UpContext> {
  const secrets = processSecrets();
  const toolsets = await loadOwnTools(given);
  const keys = await providerKeys(given.providers, secrets);
  const usable = keys.filter(({ remedy, provider }) => remedy === null && provider.default_model !== undefined);
  const names = usable.map(({ provider }) => provider.name);
  if (live && names.length === 0) throw noProvider(keys.map(({ provider }) => provider.credential));
  if (given.redis) await assertAnswers(given, secrets);
  const ownRedis = given.redis ? null : await startOwnRedis(opened, screen);
  const config = ownRedis === null ? given : { ...given, redis: parseRedisAddress(ownRedis) };
  if (live) {
    screen.note(`Live: ${names.join(', ')}. The sample sends one short question to each provider, which costs money.`);
    return { config, secrets, toolsets, ownRedis, sample: liveSample(names) };
  }
  const simulator = opened.add(await startSimulator(), (running) => running.close());
  const pretended = simulated(config, simulator.url);
  const wires = pretended.providers.map(({ name, wire }) => `${name} (${wire})`);
  screen.note(`The simulator answers for ${wires.join(', ')}. No provider is called and nothing is spent.`);
  if (names.length > 0)
    screen.note(`Credentials found for ${names.join(', ')}. To call these providers: errand up --live`);
  return { config: pretended, secrets: simulatedSecrets(secrets), toolsets, ownRedis, sample: SAMPLE_BATCH };
}

/** Fails if Redis does not answer: a worker would wait for it without limit, and the user should see the error. */
async function assertAnswers(config: Config, secrets: SecretReader): Promise<void> {
  await assertReachable({ target: redisOf(config, secrets), prefix: config.prefix, withinMs: REACHABLE_WITHIN_MS });
}

async function startOwnRedis(opened: Disposables, screen: Screen): Promise<string> {
  const options = {
    dir: HOME,
    path: processEnvironment().PATH ?? '',
    isRoot: process.getuid?.() === 0,
    log: screen.note,
  };
  const redis = opened.add(await startEmbeddedRedis(options), (running) => running.close());
  screen.note(`Redis at ${redis.url}, data in ${HOME}/redis`);
  return redis.url;
}

/** Starts the worker. Its log prints only unexpected errors, because the table of the sample shows failed attempts. */
async function startOwnWorker(
  { config, secrets, toolsets }: UpContext,
  { verbose }: UpFlags,
  opened: Disposables,
): Promise<void> {
  const redactor = new Redactor();
  const level = verbose ? config.worker.log_level : 'error';
  const log = createLog({ level, isPretty: process.stderr.isTTY === true, redactor, output: process.stderr });
  const worker = { ...config.worker, health_host: '127.0.0.1', health_port: 0 };
  opened.add(await startWorker({ ...config, worker }, { log, redactor, secrets, toolsets }), (running) =>
    running.drain(),
  );
}

/** Starts the board. Takes a free port if the configured port is in use, so that a first run does not fail. */
async function startOwnBoard({ config, secrets }: UpContext, opened: Disposables, screen: Screen): Promise<string> {
  const { board } = await composeBoard(config, secrets).catch((error: unknown) => {
    if (!isErrandError(error, 'ADDRESS_IN_USE')) throw error;
    screen.note(`Port ${config.board.port} is in use; the board takes a free port.`);
    return composeBoard({ ...config, board: { ...config.board, port: 0 } }, secrets);
  });
  return opened.add(board, (running) => running.close()).url;
}

async function runSample(
  producer: Producer,
  sample: UpContext['sample'],
  { live, verbose }: UpFlags,
  { signal, screen }: { signal: AbortSignal; screen: Screen },
): Promise<boolean> {
  const { batch_id: batchId, total } = await producer.enqueue(sample);
  const goals = sample.tasks.map(({ goal }) => goal);
  screen.note(`batch ${batchId}: ${counted(total, 'task')}`);
  // A live view and a log would overwrite each other.
  const view = verbose ? { ...screen, live: null } : screen;
  const { counts } = await followBatch(producer, { batchId, total, goals, signal }, view);
  const outcomes = await showOutcomes(producer, { batchId, goalsOf: () => goals, isWanted: () => true }, screen);
  if (live) return counts.succeeded === total;
  screen.note('\nThe simulator invents tokens and prices. The failures are part of the sample.');
  return isSampleAsExpected(outcomes);
}

/** The variables that another terminal must set. A given Redis address is left out, because it may hold a password. */
function variablesFor({ config, ownRedis }: UpContext): string {
  return `${ownRedis === null ? '' : `REDIS_URL=${ownRedis} `}ERRAND_PREFIX='${config.prefix}' `;
}

function noProvider(sources: string[]): ErrandError {
  return new ErrandError(
    'CREDENTIAL_MISSING',
    '--live: no provider with a default model has a credential in this shell',
    {
      remedy: `Set one of ${sources.join(', ')}, or leave out --live to use the simulator.`,
    },
  );
}
