import { assertReachable } from '../../queue/inspection.ts';
import type { RedisTarget } from '../../redis/target.ts';
import { composeBoard } from '../compose-board.ts';
import { type Config, loadConfig, processSecrets } from '../config.ts';
import { EXIT, errorTextOf } from '../exit-code.ts';
import { redisOf } from '../redis-settings.ts';
import type { Screen } from '../screen/screen.ts';
import { aborted, onStop } from '../stopping.ts';

const WITHIN_MS = 3_000;

/** Serves the board until a signal asks to stop. */
export async function board(screen: Screen): Promise<number> {
  const stopping = onStop();
  const stopped = aborted(stopping);
  const config = loadConfig();
  const secrets = processSecrets();
  const composed = await Promise.race([composeBoard(config, secrets), stopped]);
  // A board that still waits for its Redis holds nothing to release.
  if (!composed) process.exit(EXIT.ok);
  const { board: running, isReadOnly } = composed;
  screen.print(`board at ${running.url}`);
  await warnUnlessReachable(config, redisOf(config, secrets), screen);
  if (isReadOnly) screen.note('The board is read-only. To act on it, set ERRAND_BOARD_PASSWORD.');
  await stopped;
  await running.close();
  return EXIT.ok;
}

/** Warns on the terminal if Redis is unavailable: the board starts all the same, and only its pages show the outage. */
async function warnUnlessReachable({ prefix }: Config, target: RedisTarget, screen: Screen): Promise<void> {
  try {
    await assertReachable({ target, prefix, withinMs: WITHIN_MS });
  } catch (error) {
    screen.note(`warning: ${errorTextOf(error).text}`);
  }
}
