import type { Released, ResourceKind } from '../../agent/resource.ts';
import { type Deployment, deploymentHash } from '../../base/deployment.ts';
import type { Catalogue } from '../../catalogue/catalogue.ts';
import { type BackgroundResponse, ResponseId } from '../../contract/checkpoint.ts';
import type { CredentialResolver } from '../../credentials/resolver.ts';
import type { ResponseMark } from '../../providers/model.ts';
import type { Models } from '../../providers/models.ts';

/** The name of the kind. */
export const RESPONSE = 'response';

/** How long a provider may take to confirm a cancel. The record of the task waits for it. */
const CANCEL_WITHIN_MS = 5_000;

/** The statuses of a response that has ended. */
const ENDED = new Set(['cancelled', 'completed', 'incomplete', 'failed']);

/** The dependencies of cancelling a response. */
export type ResponseKindDeps = {
  catalogue: Catalogue;
  credentials: CredentialResolver;
  models: Models;
  deployment: Pick<Deployment, 'prefix'>;
};

/**
 * The background responses of a provider. They are released by cancelling them. A response is cancelled only if it
 * carries the mark of its task.
 */
export function responseKind(deps: ResponseKindDeps): ResourceKind {
  return {
    kind: RESPONSE,
    outlivesProcess: false,
    rowName: (ref) => responsePartsOf(ref).id,
    doubt: ({ ref }) =>
      ResponseId.safeParse(responsePartsOf(ref).id).success ? null : 'its reference has no valid response id',
    release: (ref, _live, { taskId }) => cancel(ref, taskId, deps),
  };
}

async function cancel(
  ref: string,
  taskId: string,
  { catalogue, credentials, models, deployment }: ResponseKindDeps,
): Promise<Released> {
  const { provider: name, id } = responsePartsOf(ref);
  const provider = catalogue.get(name);
  if (provider.wire !== 'responses')
    return { evidence: 'unknown', detail: `provider "${name}" does not use the Responses API` };
  const within = AbortSignal.timeout(CANCEL_WITHIN_MS);
  const credential = await credentials.resolve(name, provider.credential, within);
  const status = await models.cancel(provider, credential, { id, mark: responseMarkOf(deployment, taskId) }, within);
  if (status === 'foreign') return { evidence: 'unknown', detail: 'the response does not carry the mark of its task' };
  if (status === 'gone') return { evidence: 'verified', detail: 'the provider has no such response' };
  const evidence = ENDED.has(status) ? 'acknowledged' : 'unknown';
  return { evidence, detail: `the provider reports its status as ${status}` };
}

/**
 * Returns the metadata that the provider stores with a background response, as proof of the deployment and task that
 * asked for it.
 */
export function responseMarkOf({ prefix }: Pick<Deployment, 'prefix'>, taskId: string): ResponseMark {
  return { errand_deployment: deploymentHash(prefix), errand_task: taskId };
}

/** Returns the reference of a background response in the ledger. */
export function responseRef({ provider, id }: Pick<BackgroundResponse, 'provider' | 'id'>): string {
  return `${provider}/${id}`;
}

/** Returns the id of the ledger row of a background response. */
export function responseRowId({ epoch, id }: Pick<BackgroundResponse, 'epoch' | 'id'>): string {
  return `${epoch}.${RESPONSE}.${id}`;
}

/** Reads the provider and the id of a response from its reference. */
function responsePartsOf(ref: string): { provider: string; id: string } {
  const cut = ref.indexOf('/');
  return { provider: ref.slice(0, cut), id: ref.slice(cut + 1) };
}
