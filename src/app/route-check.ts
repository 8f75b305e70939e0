import type { Redactor } from '../base/secret.ts';
import type { Catalogue } from '../catalogue/catalogue.ts';
import type { CredentialResolver } from '../credentials/resolver.ts';
import { checkRoute } from '../routes/check.ts';
import type { RouteCheck } from '../worker/admission.ts';
import { errorOf, failureOf } from '../worker/classify.ts';

/** What is wrong with a route, or `null`: the provider must be known, the effort be taken, the credential be there. */
export function routeCheck(catalogue: Catalogue, credentials: CredentialResolver, redactor: Redactor): RouteCheck {
  const providers = catalogue.routing();
  return async (route, admission) => {
    try {
      checkRoute(route, providers);
      const provider = catalogue.get(route.provider);
      if (admission === 'batch') await credentials.resolve(provider.name, provider.credential);
      return null;
    } catch (error) {
      return failureOf(errorOf(error, new AbortController().signal), redactor);
    }
  };
}
