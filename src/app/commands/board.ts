import { composeBoard } from '../compose-board.ts';
import { loadConfig } from '../config.ts';
import { EXIT } from '../exit-code.ts';
import type { Screen } from '../screen/screen.ts';
import { aborted, onStop } from '../stopping.ts';

/** Serves the board until a signal asks to stop. */
export async function board(screen: Screen): Promise<number> {
  const stopping = onStop();
  const stopped = aborted(stopping);
  const composed = await Promise.race([composeBoard(loadConfig()), stopped]);
  // A board that still waits for its Redis holds nothing that could be released.
  if (!composed) process.exit(EXIT.ok);
  const { board: running, isReadOnly } = composed;
  screen.print(`board at ${running.url}`);
  if (isReadOnly) screen.note('The board is read-only: set ERRAND_BOARD_PASSWORD to act on it.');
  await stopped;
  await running.close();
  return EXIT.ok;
}
