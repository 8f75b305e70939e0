import type { Provider } from '../catalogue/provider.ts';
import { ErrandError } from '../errors.ts';

/** The provider and the model of a call. */
type Asked = { provider: Provider; model: string };

/** How providers say that they do not have a model. */
const NO_MODEL =
  /model_not_found|(no such|unknown|invalid) model\b|not a valid model|unable to access model|\bmodels?\b.{0,120}?(does ?n[o']t exist|do not have access|not found|not exist)/is;
/** Only this much of a message is searched, so that a long message cannot block the process. */
const SEARCHED_CHARS = 4_096;

/**
 * Adds to a refusal the names that only the caller knows: the model, if the provider does not have it, has nothing at its
 * address or finds the conversation too long for it; the source of the key, if the key was refused or its account is empty.
 * Returns any other error unchanged.
 */
export function namingRoute(fault: ErrandError, asked: Asked): ErrandError {
  const { provider, model } = asked;
  const said = fault.message.replace(`Provider "${provider.name}" `, 'it ');
  switch (fault.code) {
    case 'CREDENTIAL_REJECTED':
      return namingKey(fault, provider, said);
    case 'PROVIDER_QUOTA_EXHAUSTED':
      return namingAccount(fault, provider, said);
    case 'CONTEXT_TOO_LONG':
      if (fault.message === said) return fault;
      return renamed(
        fault,
        `Provider "${provider.name}" cannot take a conversation of this length with the model "${model}": ${said}`,
        fault.remedy,
      );
    case 'PROVIDER_REFUSED_REQUEST':
      return namingModel(fault, asked, said);
    default:
      return fault;
  }
}

function namingModel(fault: ErrandError, { provider, model }: Asked, said: string): ErrandError {
  const searched = fault.message.slice(0, SEARCHED_CHARS);
  const isNamed = fault.httpStatus === 404 && searched.includes(model);
  if (isNamed || NO_MODEL.test(searched)) {
    const remedy = `Choose another model in the task or in delegation.model: "errand routes FILE" shows the model of each task and the rule that chose it. GET ${modelsUrl(provider)} lists the models of the provider.`;
    return renamed(fault, `Provider "${provider.name}" has no model "${model}": ${said}`, remedy);
  }
  if (fault.httpStatus !== 404) return fault;
  const remedy = `Check providers.${provider.name}.base_url, now ${provider.base_url}, and the model of the task: "errand routes FILE" shows it.`;
  return renamed(
    fault,
    `Provider "${provider.name}" has nothing for the model "${model}" at its address: ${said}`,
    remedy,
  );
}

function namingAccount(fault: ErrandError, { name, credential }: Provider, said: string): ErrandError {
  if (credential === 'none') return fault;
  return renamed(fault, `Provider "${name}" has no credit left for the key ${credential}: ${said}`, fault.remedy);
}

function namingKey(fault: ErrandError, { name, credential }: Provider, said: string): ErrandError {
  if (credential === 'none') {
    const remedy = `Set providers.${name}.credential to env:NAME or file:/path, with a key that every worker has.`;
    return renamed(fault, `Provider "${name}" refused a call without a key: ${said}`, remedy);
  }
  const remedy = `Replace the key of provider "${name}" (${credential}) on every worker; check its project, its permissions and its expiry.`;
  return renamed(fault, `Provider "${name}" refused the key ${credential}: ${said}`, remedy);
}

function modelsUrl({ base_url: base, wire }: Provider): string {
  return `${base.replace(/\/$/, '')}${wire === 'messages' ? '/v1' : ''}/models`;
}

function renamed(fault: ErrandError, message: string, remedy: string): ErrandError {
  const { code, cause, retryAfterMs, httpStatus, requestId } = fault;
  return new ErrandError(code, message, {
    remedy,
    ...(cause !== undefined && { cause }),
    ...(retryAfterMs !== undefined && { retryAfterMs }),
    ...(httpStatus !== undefined && { httpStatus }),
    ...(requestId !== undefined && { requestId }),
  });
}
