import { type Board, startBoard } from '../../dashboards/board.ts';
import { Redactor } from '../base/secret.ts';
import { type Catalogue, createCatalogue } from '../catalogue/catalogue.ts';
import { CredentialResolver } from '../credentials/resolver.ts';
import { readCredential } from '../credentials/sources.ts';
import { isErrandError } from '../errors.ts';
import { createLog } from '../telemetry/log.ts';
import type { Config, Environment } from './config.ts';
import { redisOf } from './redis-settings.ts';

/** The variable of the password of the board; with `_FILE` behind it, the variable of its file. */
export const BOARD_PASSWORD = 'ERRAND_BOARD_PASSWORD';

/**
 * Starts the board of the deployment. With `ERRAND_BOARD_PASSWORD` (or `…_FILE`) in the environment the operator may
 * act on it; without one it is read-only. Whatever credential of a provider can be read here is masked in all it shows,
 * because a goal is stored as it was written, with what was pasted into it.
 *
 * Wrong logins are logged to `output`.
 *
 * @throws ErrandError `CONFIG_INVALID`; `CREDENTIAL_MISSING` where a password is named and cannot be read.
 */
export async function composeBoard(
  config: Config,
  output: NodeJS.WritableStream & { isTTY?: boolean } = process.stderr,
): Promise<{ board: Board; isReadOnly: boolean }> {
  const { environment, board: settings } = config;
  const redactor = new Redactor();
  const isReadOnly = !environment[BOARD_PASSWORD] && !environment[`${BOARD_PASSWORD}_FILE`];
  const password = isReadOnly ? undefined : (await readCredential(`env:${BOARD_PASSWORD}`, environment)).secret;
  if (password) redactor.watch(password);
  const catalogue = createCatalogue(config.providers);
  await watchCredentials(catalogue, environment, redactor);
  const board = await startBoard({
    redis: redisOf(config),
    prefix: config.prefix,
    providers: catalogue.names(),
    host: settings.host,
    port: settings.port,
    ...(password && { operator: { user: settings.operator, password } }),
    trustedProxies: settings.trusted_proxies,
    log: createLog({ level: 'info', isPretty: output.isTTY === true, redactor, output }),
    redactor,
  });
  return { board, isReadOnly };
}

/** A board needs no credential: one that is missing here is passed over. */
async function watchCredentials(catalogue: Catalogue, environment: Environment, redactor: Redactor): Promise<void> {
  const resolver = new CredentialResolver(environment, redactor);
  const reading = catalogue.names().map(async (name) => {
    try {
      await resolver.look(name, catalogue.get(name).credential);
    } catch (error) {
      if (!isErrandError(error, 'CREDENTIAL_MISSING')) throw error;
    }
  });
  await Promise.all(reading);
}
