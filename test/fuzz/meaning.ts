import type { Turn } from '../../src/contract/checkpoint.ts';
import type { Rendered } from './case.ts';
import { type TurnPlan, tokenOf } from './conversation.ts';
import type { Report } from './order.ts';
import type { Finding } from './properties.ts';
import type { Truth } from './streams/stream.ts';
import { placesIn } from './twists/places.ts';

/** The result of a case beside its turns. */
export type Around = { report: Report; asked: string[]; plan: TurnPlan[] };

/** The correct failure codes for each kind of turn. */
const CODES_OF_STOP: Record<Truth['stop'], string[]> = {
  answer: [],
  tools: [],
  length: ['BUDGET_TOKENS'],
  refusal: ['CHILD_REFUSED'],
};

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function tokensIn({ tool_calls: calls }: Turn): string[] {
  return calls.flatMap(({ arguments: text }) => {
    const args = parsed(text);
    return typeof args === 'object' && args !== null && 'token' in args ? [String(args.token)] : [];
  });
}

function isIn(body: unknown, wanted: unknown): boolean {
  const fields = Object.entries(wanted as object);
  return placesIn(body).some(({ node }) =>
    fields.every(([key, value]) => JSON.stringify(node[key]) === JSON.stringify(value)),
  );
}

function usageFindings(turn: Turn, { usage, costUsd }: Truth): Finding[] {
  if (usage === 'any') return [];
  if (usage === null) {
    return turn.cost_usd === null || costUsd !== undefined
      ? []
      : [
          {
            property: 'usage is a figure or unknown',
            detail: `untold, and taken for ${JSON.stringify(turn.usage)} at ${turn.cost_usd}`,
          },
        ];
  }
  const told = [usage.input, usage.cached, usage.output, usage.reasoning].join();
  const { input_tokens, cached_input_tokens, output_tokens, reasoning_tokens } = turn.usage;
  const taken = [input_tokens, cached_input_tokens, output_tokens, reasoning_tokens].join();
  if (told !== taken) return [{ property: 'usage is what was told', detail: `told ${told}, taken for ${taken}` }];
  if (costUsd === undefined ? turn.cost_usd === null : turn.cost_usd !== costUsd) {
    return [{ property: 'usage is what was told', detail: `a cost of ${turn.cost_usd}, told ${costUsd ?? 'none'}` }];
  }
  return [];
}

function contentFindings(turn: Turn, truth: Truth): Finding[] {
  const findings: Finding[] = [];
  const [said, taken] = [truth.text.toWellFormed(), turn.text.toWellFormed()];
  if (said !== taken)
    findings.push({
      property: 'text is what was said',
      detail: `said ${JSON.stringify(said).slice(0, 200)}, taken for ${JSON.stringify(taken).slice(0, 200)}`,
    });
  const [sent, found] = [truth.tokens.toSorted().join(), tokensIn(turn).toSorted().join()];
  if (sent !== found)
    findings.push({
      property: 'calls are what was asked for',
      detail: `asked for ${sent || 'none'}, taken for ${found || 'none'}`,
    });
  else if (turn.tool_calls.length !== truth.calls) {
    findings.push({
      property: 'calls are what was asked for',
      detail: `${truth.calls} were asked for, ${turn.tool_calls.length} taken`,
    });
  }
  if (turn.stop !== truth.stop)
    findings.push({ property: 'a turn ends as it said', detail: `said ${truth.stop}, taken for ${turn.stop}` });
  return findings;
}

function runFindings(number: number, { report, plan }: Around): Finding[] {
  const calls = plan[number]?.calls ?? [];
  return calls.flatMap((_, at) => {
    const token = tokenOf(number, at);
    const times = report.runs.filter((run) => run.token === token).length;
    return times <= 1 ? [] : [{ property: 'a call runs once', detail: `${token} ran ${times} times` }];
  });
}

function missing(number: number, truth: Truth, { report: { ended } }: Around): Finding[] {
  const [code, message] = ended.status === 'failed' ? [ended.code, ended.message] : [undefined, 'an answer'];
  if (truth.codes.includes(code ?? '') || CODES_OF_STOP[truth.stop].includes(code ?? '')) return [];
  const property = truth.mustFail ? 'a limit is kept' : 'no turn is lost';
  return [{ property, detail: `turn ${number + 1} ended in ${code}: ${message}` }];
}

/** The differences to what the provider sent, turn by turn, up to the first ambiguous turn. */
export function turnFindings(turns: Turn[], rendered: Rendered[], around: Around): Finding[] {
  const findings: Finding[] = [];
  for (const [number, { truth }] of rendered.entries()) {
    if (!truth.isClear) return findings;
    const turn = turns[number];
    if (!turn) return [...findings, ...missing(number, truth, around)];
    if (truth.mustFail) return [...findings, { property: 'a limit is kept', detail: `turn ${number + 1} was taken` }];
    findings.push(...contentFindings(turn, truth), ...usageFindings(turn, truth), ...runFindings(number, around));
    const body = parsed(around.asked[number + 1] ?? 'null');
    const lost = body === null ? [] : truth.opaque.filter((wanted) => !isIn(body, wanted));
    findings.push(
      ...lost.map((wanted) => ({ property: 'what is signed goes back as it came', detail: JSON.stringify(wanted) })),
    );
    if (truth.stop === 'length' || truth.stop === 'refusal') return findings;
  }
  return findings;
}
