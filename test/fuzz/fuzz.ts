import fc from 'fast-check';
import { monotonicMs } from '../../src/base/clock.ts';
import type { Wire } from '../../src/contract/route.ts';
import { type Case, cases, render } from './case.ts';
import { DIRECT } from './delivery.ts';
import { type Finding, findingsIn, isMeasuredStall, isStall, kindOf } from './properties.ts';
import { HostileProvider } from './provider.ts';
import { chatEvents } from './streams/chat.ts';
import { messagesEvents } from './streams/messages.ts';
import { responsesEvents } from './streams/responses.ts';
import { PLAIN, truthOf } from './streams/stream.ts';
import { TargetProcess } from './target-process.ts';

/** What to fuzz and for how long. `tell` gets each kind of finding when it is found. */
export type FuzzOptions = {
  tree: string;
  wires: readonly Wire[];
  seed: number;
  durationMs: number;
  /** Stops at the first finding unless set. */
  isAll: boolean;
  /** Ends after this many cases. */
  maxCases?: number;
  env: NodeJS.ProcessEnv;
  tell: (line: string) => void;
};

/** A kind of finding: the property that failed, the twists, and the smallest case that shows it. */
export type Found = Finding & { wire: Wire; seed: number; twists: string[]; smallest: Case; afterMs: number };

/** The result of a run. */
export type FuzzReport = { cases: number; found: Found[]; seconds: number };

/** How long the search for a smaller case of one finding may take. */
const SHRINK_MS = 8_000;

const LAST_TURN = {
  thoughts: [],
  pieces: ['That is all.'],
  calls: [],
  usage: { input: 1, cached: 0, output: 1, reasoning: 0 },
};
const EVENTS = { chat: chatEvents, messages: messagesEvents, responses: responsesEvents };

/** Tries cases on one process under test. */
class Trial {
  readonly #provider: HostileProvider;
  readonly #target: TargetProcess;
  #count = 0;

  constructor(provider: HostileProvider, target: TargetProcess) {
    this.#provider = provider;
    this.#target = target;
  }

  /**
   * Runs the conversation of a case and returns the properties that fail. A measured stall counts if it repeats: a pause of
   * the garbage collector does not.
   */
  async of(tried: Case): Promise<Finding[]> {
    const findings = await this.#once(tried);
    if (!findings.some(isMeasuredStall)) return findings;
    const again = await this.#once(tried);
    return findings.filter((finding) => !isMeasuredStall(finding) || again.some(isStall));
  }

  async #once(tried: Case): Promise<Finding[]> {
    const id = ++this.#count;
    const { wire, setup } = tried;
    const turns = render(tried);
    const last = { events: EVENTS[wire](LAST_TURN, 99, PLAIN), delivery: DIRECT, truth: truthOf(LAST_TURN, 99) };
    const [asked, askedAgain]: string[][] = [[], []] as string[][];
    this.#provider.hold(`c${id}`, { turns, last, from: 0, asked: asked ?? [] });
    this.#provider.hold(`r${id}`, { turns, last, from: 1, asked: askedAgain ?? [] });
    const url = (name: string) => `${this.#provider.url}/${name}${id}`;
    const isHanging = turns.some(
      ({ delivery, truth }) => delivery.isHanging || (delivery.end === 'stay' && !truth.isClear),
    );
    const observed = await this.#target.run({ id, wire, url: url('c'), resumedUrl: url('r'), setup, isHanging });
    for (const name of [`c${id}`, `r${id}`]) this.#provider.release(name);
    const findings = findingsIn(tried, { rendered: turns, observed, asked: asked ?? [], askedAgain: askedAgain ?? [] });
    if (findings.some(({ property }) => property === 'prototypes are unchanged')) await this.#target.kill();
    return findings;
  }
}

function namesIn({ twists }: Case): string[] {
  return [...new Set(twists.map(({ name }) => name))].sort();
}

function isKnown(found: readonly Found[], finding: Finding, tried: Case): boolean {
  const names = namesIn(tried);
  return found.some(
    (known) =>
      known.wire === tried.wire &&
      kindOf(known) === kindOf(finding) &&
      known.twists.every((name) => names.includes(name)),
  );
}

type Shown = { finding: Finding; smallest: Case };

/** Tries one case by its seed. Makes the case smaller if it shows a new kind of finding. */
async function tryOne(
  trial: Trial,
  { wires, isAll }: FuzzOptions,
  seed: number,
  found: readonly Found[],
): Promise<Shown | null> {
  let untilMs = Number.POSITIVE_INFINITY;
  let shown: Shown | undefined;
  const property = fc.asyncProperty(cases(wires), async (smallest) => {
    if (monotonicMs() > untilMs) return true;
    const findings = (await trial.of(smallest)).filter((finding) => !isKnown(found, finding, smallest));
    const wanted = shown && kindOf(shown.finding);
    const finding = findings.find((one) => kindOf(one) === (wanted ?? kindOf(one)));
    if (!finding) return true;
    if (!shown) untilMs = isAll ? 0 : monotonicMs() + SHRINK_MS;
    shown = { finding, smallest };
    return false;
  });
  await fc.check(property, { seed, numRuns: 1 });
  return shown && isAll ? withFewerTwists(trial, shown) : (shown ?? null);
}

/** The same kind of finding with one twist or none, if that is enough: faster than making the whole case smaller. */
async function withFewerTwists(trial: Trial, shown: Shown): Promise<Shown> {
  const { twists } = shown.smallest;
  for (const fewer of [[], ...twists.map((twist) => [twist])]) {
    if (fewer.length >= twists.length) break;
    const smallest = { ...shown.smallest, twists: fewer };
    const finding = (await trial.of(smallest)).find((one) => kindOf(one) === kindOf(shown.finding));
    if (finding) return { finding, smallest };
  }
  return shown;
}

/** Tries cases until the time is over, or until a property fails. The same seed tries the same cases. */
export async function fuzz(options: FuzzOptions): Promise<FuzzReport> {
  const startedMs = monotonicMs();
  const provider = await HostileProvider.start();
  const target = new TargetProcess(options.tree, options.env);
  const trial = new Trial(provider, target);
  const found: Found[] = [];
  let count = 0;
  const isOver = () =>
    monotonicMs() - startedMs >= options.durationMs ||
    count >= (options.maxCases ?? Number.POSITIVE_INFINITY) ||
    (found.length > 0 && !options.isAll);
  try {
    while (!isOver()) {
      const seed = options.seed + count++;
      const shown = await tryOne(trial, options, seed, found);
      if (!shown || isKnown(found, shown.finding, shown.smallest)) continue;
      const afterMs = Math.round(monotonicMs() - startedMs);
      const { wire } = shown.smallest;
      const known = {
        ...shown.finding,
        wire,
        seed,
        twists: namesIn(shown.smallest),
        smallest: shown.smallest,
        afterMs,
      };
      found.push(known);
      options.tell(lineOf(known));
    }
    await target.end();
  } finally {
    await target.kill();
    await provider.close();
  }
  return { cases: count, found, seconds: Math.round((monotonicMs() - startedMs) / 1000) };
}

/** Formats a finding as one line. */
export function lineOf({ wire, property, detail, twists, seed, afterMs }: Found): string {
  return `${(afterMs / 1000).toFixed(1)} s  seed ${seed}  ${wire}  not so: ${property}  [${twists.join(' + ') || 'no twist'}]  ${detail}`;
}
