import type { Turn } from '../../src/contract/checkpoint.ts';
import { FAILURE_CODES } from '../../src/errors.ts';
import type { Case, Rendered } from './case.ts';
import { problemsOfChat } from './checkers/chat.ts';
import { problemsOfMessages } from './checkers/messages.ts';
import { problemsOfResponses } from './checkers/responses.ts';
import { turnFindings } from './meaning.ts';
import type { Report } from './order.ts';
import type { Observed } from './target-process.ts';

/** A property that failed, with details. The detail up to a colon is the same for findings of one kind. */
export type Finding = { property: string; detail: string };

/** The key that findings of one kind share. */
export function kindOf({ property, detail }: Finding): string {
  return property === 'what goes back is acceptable' ? `${property}: ${detail.split(/:| at /)[0]}` : property;
}

const MAX_STALL_MS = 250;
const STALL = 'the event loop goes on';
const STALLED = 'it stood still for';

/** Tells whether the event loop stood still. */
export function isStall({ property }: Finding): boolean {
  return property === STALL;
}

/** Tells whether it stood still for a time, after which it went on. */
export function isMeasuredStall(finding: Finding): boolean {
  return isStall(finding) && finding.detail.startsWith(STALLED);
}

const MAX_PEAK_BYTES = 700 * 1024 * 1024;
const MAX_HELD_BYTES = 400 * 1024 * 1024;
/** The maximum stored size of a reply, with some room for the fields around it. */
const MAX_REPLY_BYTES = 3 * 1024 * 1024 + 16 * 1024;

const CHECKERS = { chat: problemsOfChat, messages: problemsOfMessages, responses: problemsOfResponses };

/** The codes of the table in this commit. */
const CODES: ReadonlySet<string> = new Set(FAILURE_CODES);

/** The result of a case: the requests to the provider, and the report of the process under test. */
export type Seen = { rendered: Rendered[]; observed: Observed; asked: string[]; askedAgain: string[] };

function processFindings({ ended, changed, stallMs, peakBytes, heldBytes, unreadable }: Report): Finding[] {
  const findings: Finding[] = [];
  const add = (property: string, detail: string) => findings.push({ property, detail });
  if (changed.length > 0) return [{ property: 'prototypes are unchanged', detail: changed.join(', ') }];
  if (stallMs > MAX_STALL_MS) add(STALL, `${STALLED} ${stallMs} ms`);
  if (peakBytes > MAX_PEAK_BYTES) add('memory is bounded', `${peakBytes} bytes at its peak`);
  if (heldBytes > MAX_HELD_BYTES) add('memory is bounded', `${heldBytes} bytes are held`);
  for (const detail of unreadable) add('what is written can be read', detail);
  if (ended.status === 'failed' && ended.code === undefined) add('every failure has a code', ended.message);
  else if (ended.status === 'failed' && (ended.code === 'INTERNAL' || !CODES.has(ended.code ?? ''))) {
    add('every failure has a code', `${ended.code}: ${ended.message}`);
  }
  return findings;
}

function echoFindings({ wire }: Case, { asked }: Seen): Finding[] {
  return asked.flatMap((body, at) =>
    CHECKERS[wire](JSON.parse(body)).map((problem) => ({
      property: 'what goes back is acceptable',
      detail: `${problem} in request ${at + 1}`,
    })),
  );
}

function resumeFindings({ setup, wire }: Case, { asked, askedAgain }: Seen): Finding[] {
  if (!setup.isResumed || (setup.isBackground && wire === 'responses')) return [];
  const [again] = askedAgain;
  if (again === undefined || again === asked[1]) return [];
  return [
    {
      property: 'a resumed turn asks the same',
      detail: `${again.slice(0, 300)} … in the place of … ${asked[1]?.slice(0, 300)}`,
    },
  ];
}

/** The places in written text with half a character. */
function brokenText(texts: string[]): Finding[] {
  const broken = texts.filter((text) => /\\ud[89a-f][0-9a-f]{2}/i.test(text));
  return broken.map((text) => ({ property: 'text is cut between characters', detail: text.slice(-300) }));
}

function effectFindings(rendered: Rendered[], { runs }: Report): Finding[] {
  if (rendered.some(({ truth }) => truth.mayRepeat)) return [];
  const counts = new Map<string, number>();
  for (const { tool, token } of runs) if (tool === 'bill') counts.set(token, (counts.get(token) ?? 0) + 1);
  return [...counts]
    .filter(([token, times]) => token !== '' && times > 1)
    .map(([token, times]) => ({ property: 'an effect runs once', detail: `${token} ran ${times} times` }));
}

/** All properties that fail for a case, the most serious first. */
export function findingsIn(tried: Case, seen: Seen): Finding[] {
  const { observed, rendered } = seen;
  if ('lost' in observed) {
    const property = { stalled: STALL, endless: 'every call ends', died: 'the process lives' }[observed.lost];
    return [{ property, detail: observed.detail }];
  }
  const ofProcess = processFindings(observed);
  if (ofProcess[0]?.property === 'prototypes are unchanged') return ofProcess;
  const turns = observed.checkpoints.map((text) => (JSON.parse(text) as { reply: Turn }).reply);
  const sizes = turns
    .map((turn) => Buffer.byteLength(JSON.stringify(turn)))
    .filter((bytes) => bytes > MAX_REPLY_BYTES)
    .map((bytes) => ({ property: 'a reply has a limit', detail: `${bytes} bytes are kept` }));
  const isBroken = rendered.some(({ truth }) => truth.isBroken);
  return [
    ...ofProcess,
    ...sizes,
    ...turnFindings(turns, rendered, { report: observed, asked: seen.asked, plan: tried.turns }),
    ...echoFindings(tried, seen),
    ...(isBroken ? [] : brokenText([...observed.checkpoints, observed.outcome])),
    ...effectFindings(rendered, observed),
    ...resumeFindings(tried, seen),
  ];
}
