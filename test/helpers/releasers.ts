import type { Redis } from 'ioredis';
import { onTestFinished } from 'vitest';
import { baseKinds } from '../../src/app/resource-kinds.ts';
import type { Deployment } from '../../src/base/deployment.ts';
import { Redactor } from '../../src/base/secret.ts';
import { createCatalogue } from '../../src/catalogue/catalogue.ts';
import type { Provider } from '../../src/catalogue/provider.ts';
import { CredentialResolver } from '../../src/credentials/resolver.ts';
import { secretsIn } from '../../src/credentials/secrets.ts';
import { Models } from '../../src/providers/models.ts';
import { HandBack } from '../../src/queue/hand-back.ts';
import { WorkerLedger } from '../../src/records/worker-ledger.ts';
import { workspaceKind } from '../../src/tools/workspace/kind.ts';
import { Releasers } from '../../src/worker/holding/releasers.ts';
import { aWitness } from './witness.ts';

/** A deployment without a directory. */
export const NOWHERE: Deployment = { prefix: '{nowhere}', workspaceRoot: '/nowhere' };

/** What a reclaim of a test needs: it hands jobs of dead workers back, in the lanes that the records of a test use. */
export function aHandBack({ redis, prefix }: { redis: Redis; prefix: string }): {
  handBack: HandBack;
  ledger: WorkerLedger;
} {
  const onError = (error: unknown) => {
    throw error;
  };
  const handBack = new HandBack({ redis, prefix, providers: ['local', 'openai'], onError });
  onTestFinished(() => handBack.close());
  return { handBack, ledger: new WorkerLedger(redis, prefix, new Redactor()) };
}

/** Releasers as a worker has them, with the providers and the environment that a test gives them. */
export function releasersFor(
  redactor: Redactor,
  providers: readonly Provider[] = [],
  environment: Record<string, string> = {},
  deployment: Deployment = NOWHERE,
): Releasers {
  const credentials = new CredentialResolver(secretsIn(environment), redactor);
  const base = { deployment, catalogue: createCatalogue(providers), credentials, models: new Models() };
  return new Releasers({ redactor, observer: aWitness(), kinds: [...baseKinds(base), workspaceKind(deployment)] });
}
