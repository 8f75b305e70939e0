import { type Catalogue, createCatalogue } from '../../catalogue/catalogue.ts';
import { effortFor } from '../../catalogue/effort.ts';
import { Findings } from '../../contract/findings.ts';
import type { ResolvedRoute } from '../../contract/route.ts';
import { ErrandError, isErrandError, type Problem } from '../../errors.ts';
import { planBatch } from '../../producer/plan.ts';
import { readBatchFile } from '../batch-file.ts';
import { loadConfig } from '../config.ts';
import { EXIT } from '../exit-code.ts';
import { routingOf } from '../routing.ts';
import { effortText, targetText } from '../screen/outcome-table.ts';
import type { Screen } from '../screen/screen.ts';
import { table } from '../screen/table.ts';

/**
 * Prints the route that each task of a batch would take. Needs no Redis and enqueues nothing.
 *
 * @throws ErrandError `ROUTE_UNSUPPORTED` with every task whose effort its provider refuses.
 */
export async function routes(file: string, { json = false }: { json?: boolean }, screen: Screen): Promise<number> {
  const config = loadConfig();
  const planned = await planBatch(await readBatchFile(file), config.limits, routingOf(config));
  const catalogue = createCatalogue(config.providers);
  const findings = new Findings();
  const resolved = planned.tasks.flatMap(({ data: { index, route } }) => {
    try {
      return [{ index, ...route, ...sent(route, catalogue) }];
    } catch (error) {
      if (!isErrandError(error, 'ROUTE_UNSUPPORTED')) throw error;
      findings.add(`tasks[${index}].reasoning_effort`, error.message, index);
      return [];
    }
  });
  if (findings.problems.length > 0) throw unsupported(findings.problems);
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

function unsupported(problems: Problem[]): ErrandError {
  const tasks = `${problems.length} ${problems.length === 1 ? 'task asks' : 'tasks ask'}`;
  return new ErrandError('ROUTE_UNSUPPORTED', `${tasks} for an effort that its model does not take`, { problems });
}

function sent(route: ResolvedRoute, catalogue: Catalogue) {
  const { level, treatment } = effortFor(catalogue.get(route.provider), route.model, route.reasoning_effort);
  return { effort: level, effort_treatment: treatment };
}
