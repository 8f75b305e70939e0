import { type Board, startBoard } from '../../dashboards/board.ts';
import { Redactor } from '../base/secret.ts';
import { readCredential } from '../credentials/sources.ts';
import { createCatalogue } from '../providers/catalogue.ts';
import { redisUrlOf } from './compose-producer.ts';
import type { Config } from './config.ts';

const PASSWORD = 'ERRAND_BOARD_PASSWORD';

/**
 * Starts the board of the deployment. With `ERRAND_BOARD_PASSWORD` (or `…_FILE`) in the environment the operator may
 * act on it; without one it is read-only.
 *
 * @throws ErrandError `CONFIG_INVALID`; `CREDENTIAL_MISSING` where a password is named and cannot be read.
 */
export async function composeBoard(config: Config): Promise<{ board: Board; isReadOnly: boolean }> {
  const { environment, board: settings } = config;
  const redactor = new Redactor();
  const isReadOnly = !environment[PASSWORD] && !environment[`${PASSWORD}_FILE`];
  const password = isReadOnly ? undefined : (await readCredential(`env:${PASSWORD}`, environment)).secret;
  if (password) redactor.watch(password);
  const board = await startBoard({
    redisUrl: redisUrlOf(config),
    prefix: config.prefix,
    providers: createCatalogue(config.providers).names(),
    host: settings.host,
    port: settings.port,
    ...(password && { operator: { user: settings.operator, password } }),
    redactor,
  });
  return { board, isReadOnly };
}
