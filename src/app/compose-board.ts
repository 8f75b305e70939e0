import { type Board, startBoard } from '../../dashboards/board.ts';
import { Redactor } from '../base/secret.ts';
import { type Catalogue, createCatalogue } from '../catalogue/catalogue.ts';
import { CredentialResolver } from '../credentials/resolver.ts';
import type { SecretReader } from '../credentials/secrets.ts';
import { readCredential } from '../credentials/sources.ts';
import { isErrandError } from '../errors.ts';
import { createLog } from '../telemetry/log.ts';
import type { Config } from './config.ts';
import { BOARD_PASSWORD } from './config-variables.ts';
import { redisOf } from './redis-settings.ts';

/**
 * Starts the board of the deployment. With the secret `ERRAND_BOARD_PASSWORD` the operator can act on it; without the
 * secret the board is read-only. The board masks every provider credential that this process can read, because a goal
 * may contain a pasted credential. Wrong logins are logged to `output`.
 *
 * @throws ErrandError `CONFIG_INVALID`; `CREDENTIAL_MISSING` if the password is set but cannot be read.
 */
export async function composeBoard(
  config: Config,
  secrets: SecretReader,
  output: NodeJS.WritableStream & { isTTY?: boolean } = process.stderr,
): Promise<{ board: Board; isReadOnly: boolean }> {
  const { board: settings } = config;
  const redactor = new Redactor();
  const isReadOnly = secrets.find(BOARD_PASSWORD).status === 'absent';
  const password = isReadOnly ? undefined : (await readCredential(`env:${BOARD_PASSWORD}`, secrets)).secret;
  if (password) redactor.watch(password);
  const catalogue = createCatalogue(config.providers);
  await watchCredentials(catalogue, secrets, redactor);
  const board = await startBoard({
    redis: redisOf(config, secrets),
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

/** Masks the credentials that can be read here. The board needs no credential, so missing ones are skipped. */
async function watchCredentials(catalogue: Catalogue, secrets: SecretReader, redactor: Redactor): Promise<void> {
  const resolver = new CredentialResolver(secrets, redactor);
  const reading = catalogue.names().map(async (name) => {
    try {
      await resolver.look(name, catalogue.get(name).credential);
    } catch (error) {
      if (!isErrandError(error, 'CREDENTIAL_MISSING')) throw error;
    }
  });
  await Promise.all(reading);
}
