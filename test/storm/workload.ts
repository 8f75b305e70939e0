import type { BatchInput } from '../../src/contract/batch.ts';
import type { TaskSpec } from '../../src/contract/task.ts';
import { Random } from './random.ts';

/** Providers of the storm: one for each wire, and one whose credential no worker has. */
export const PROVIDERS = { responses: 'openai', messages: 'anthropic', chat: 'local', keyless: 'acme' } as const;

/**
 * What becomes of a task that succeeds: the text of its answer, the files it has written, and the effect that it asked
 * for, if any.
 */
export type Expected = { text: string; files: Record<string, string>; effect: string | null };

/** A batch of the storm, and what its tasks come to where they succeed. */
export type StormBatch = { input: BatchInput; expected: Expected[]; isSentTwice: boolean };

const FAULTS = [
  'status=429 retry_after_ms=200',
  'status=429',
  'status=500',
  'status=503',
  'hang=headers',
  'hang=stream after=1',
  'cut=headers',
  'cut=reset after=1',
  'cut=clean after=1',
] as const;
const FAULTY_SHARE = 0.12;
/** The toolsets beside the workspace, each with its tool that has an effect, and the share of tasks that use it. */
const SERVICES = [
  { toolset: 'sessions', tool: 'send', share: 0.2 },
  { toolset: 'mcp:pipe', tool: 'pipe__send', share: 0.015 },
  { toolset: 'mcp:web', tool: 'web__send', share: 0.1 },
] as const;
const LARGE = { every: 10, tasks: 1_050 };

/** Reads the tag of a task, such as `storm:3/17`, out of any text that holds its goal. */
export function tagIn(text: string): string | null {
  return /storm:\d+\/\d+/.exec(text)?.[0] ?? null;
}

/** Tells whether the text holds a goal that has the provider hang in this turn. */
export function isHangAskedFor(text: string, turn: number): boolean {
  return text.includes(`turn=${turn} times=1 hang=`);
}

/** The tag of a task: what tells it from all others in the requests that a provider sees. */
export function tagOf(batch: number, index: number): string {
  return `storm:${batch}/${index}`;
}

/** Batch `number` of the storm with this seed: always the same. */
export function batchOf(seed: number, number: number): StormBatch {
  const random = new Random(`${seed}/batch/${number}`);
  // Over 1,000 tasks the producer adds them in chunks, behind a gate.
  const total = number % LARGE.every === LARGE.every / 2 ? LARGE.tasks : random.whole(100, 250);
  const shape = shapeOf(random);
  const isKeylessIn = shape.admission === 'task';
  const tasks: TaskSpec[] = [];
  const expected: Expected[] = [];
  for (let index = 0; index < total; index++) {
    const { task, ending } = taskOf(random, tagOf(number, index), isKeylessIn);
    tasks.push(task);
    expected.push(ending);
  }
  const input = { name: `storm ${number}`, idempotency_key: `storm-${seed}-${number}`, ...shape, tasks };
  return { input, expected, isSentTwice: random.chance(0.3) };
}

function shapeOf(random: Random): { max_concurrent?: number; admission?: 'task'; priority?: number } {
  switch (random.whole(0, 3)) {
    case 0:
      return { max_concurrent: random.whole(20, 60) };
    case 1:
      return { admission: 'task' };
    case 2:
      return { priority: 1 };
    default:
      return {};
  }
}

/** Two to five turns: one for each file, one for an effect if there is one, and one for the answer. */
function taskOf(random: Random, tag: string, isKeylessIn: boolean): { task: TaskSpec; ending: Expected } {
  const files: Expected['files'] = {};
  const fileCount = random.whole(1, 3);
  for (let turn = 1; turn <= fileCount; turn++) files[`${turn}.txt`] = `${tag} wrote ${turn}`;
  const calls = Object.entries(files).map(([path, content]) => {
    return `[[sim: tool=write_file args=${JSON.stringify({ path, content })}]]`;
  });
  const service = serviceOf(random);
  const effect = service && `${tag} sent it`;
  if (service) calls.push(`[[sim: tool=${service.tool} args=${JSON.stringify({ text: effect })}]]`);
  const text = `${tag} is done`;
  const pace = `[[sim: text="${text}" latency_ms=${random.whole(50, 250)}]]`;
  const fault = random.chance(FAULTY_SHARE)
    ? `[[sim: turn=${random.whole(1, calls.length + 1)} times=1 ${random.pick(FAULTS)}]]`
    : '';
  const { responses, messages, chat, keyless } = PROVIDERS;
  const provider = isKeylessIn && random.chance(0.05) ? keyless : random.pick([responses, messages, chat]);
  const goal = [tag, ...calls, pace, fault].join(' ');
  const toolsets = service ? ['workspace', service.toolset] : ['workspace'];
  return { task: { goal, provider, toolsets }, ending: { text, files, effect } };
}

function serviceOf(random: Random): (typeof SERVICES)[number] | null {
  let roll = random.next();
  for (const service of SERVICES) {
    if (roll < service.share) return service;
    roll -= service.share;
  }
  return null;
}
