import { createCatalogue } from '../catalogue/catalogue.ts';
import type { RoutingTable } from '../contract/routing.ts';
import type { Config } from './config.ts';

/** What resolving a route needs to know of the deployment. */
export function routingOf(config: Config): RoutingTable {
  return {
    providers: createCatalogue(config.providers).routing(),
    delegation: config.delegation,
    model_aliases: config.model_aliases,
    precedence: config.routing_precedence,
  };
}
