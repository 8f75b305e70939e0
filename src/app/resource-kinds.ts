import type { ResourceKind } from '../agent/resource.ts';
import type { Deployment } from '../base/deployment.ts';
import { LEASE_KIND } from '../credentials/lease-kind.ts';
import { PROCESS, processKind } from '../processes/process-kind.ts';
import { CLIENT_KIND } from '../providers/client-kind.ts';
import { MCP_SESSION } from '../tools/mcp/session-kind.ts';
import { RESPONSE, type ResponseKindDeps, responseKind } from '../worker/holding/response-kind.ts';

/** The names of the kinds that no toolset of a program may use. */
export const BASE_KINDS: readonly string[] = [LEASE_KIND.kind, CLIENT_KIND.kind, PROCESS, RESPONSE, MCP_SESSION];

/** Makes the kinds of resources that attempts can hold with any toolset. */
export function baseKinds(deps: ResponseKindDeps & { deployment: Deployment }): ResourceKind[] {
  return [LEASE_KIND, CLIENT_KIND, processKind(deps.deployment), responseKind(deps)];
}
