import type { ResolvedRoute } from '../../contract/route.ts';
import { planBatch } from '../../producer/plan.ts';
import { type Catalogue, createCatalogue } from '../../providers/catalogue.ts';
import { effortFor } from '../../providers/effort.ts';
import { readBatchFile } from '../batch-file.ts';
import { loadConfig } from '../config.ts';
import { EXIT } from '../exit-code.ts';
import { routingOf } from '../routing.ts';
import { effortText, targetText } from '../screen/outcome-table.ts';
import type { Screen } from '../screen/screen.ts';
import { table } from '../screen/table.ts';

/** Prints the route that each task of a batch would take. Needs no Redis and enqueues nothing. */
export async function routes(file: string, { json = false }: { json?: boolean }, screen: Screen): Promise<number> {
  const config = loadConfig();
  const planned = await planBatch(await readBatchFile(file), config.limits, routingOf(config));
  const catalogue = createCatalogue(config.providers);
  const resolved = planned.tasks.map(({ data }) => ({
    index: data.index,
    ...data.route,
    ...sent(data.route, catalogue),
  }));
  for (const warning of planned.warnings) screen.note(`warning: ${warning}`);
  if (json) {
    for (const route of resolved) screen.print(JSON.stringify(route));
    return EXIT.ok;
  }
  const rows = resolved.map(
    ({ index, requested, provider, model, reasoning_effort: asked, effort, chosen_by: by }) => ({
      task: `#${index}`,
      requested: targetText(requested),
      provider: `${provider} (${by.provider})`,
      model: `${model} (${by.model})`,
      effort: [effortText(asked, effort), by.reasoning_effort && `(${by.reasoning_effort})`].filter(Boolean).join(' '),
    }),
  );
  screen.print(table(rows, { width: screen.width }));
  screen.note('In brackets: the rule that chose it. Nothing was enqueued.');
  return EXIT.ok;
}

function sent(route: ResolvedRoute, catalogue: Catalogue) {
  const { level, treatment } = effortFor(catalogue.get(route.provider), route.model, route.reasoning_effort);
  return { effort: level, effort_treatment: treatment };
}
