import { clip, oneLine } from '../../base/text.ts';
import type { ErrandEvent } from '../../contract/events.ts';
import type { Outcome } from '../../contract/outcome.ts';

type OfTask = Exclude<ErrandEvent, { event: 'batch_settled' }>;

const GOAL_SHOWN = 48;
const RETURNS: Record<string, string> = {
  deferred: 'deferred',
  failed: 'failed, will be retried',
  handed_back: 'returned to the queue by a stopping worker',
  lost: 'lost: its worker died',
};

/** The progress of a batch, from its events and records, which may come late, twice or in any order. */
export class Progress {
  readonly total: number;
  readonly #goals: readonly string[];
  readonly #ended = new Map<number, Outcome['status']>();
  readonly #running = new Map<number, string>();
  #waits: readonly string[] = [];

  constructor(total: number, goals: readonly string[]) {
    this.total = total;
    this.#goals = goals;
  }

  get ended(): number {
    return this.#ended.size;
  }

  get notSucceeded(): number {
    return [...this.#ended.values()].filter((status) => status !== 'succeeded').length;
  }

  /** One line for each running task, in the order of the tasks. */
  get running(): string[] {
    return [...this.#running].sort(([a], [b]) => a - b).map(([index, doing]) => `${this.#label(index)}: ${doing}`);
  }

  /** Why tasks wait, with the remedy. */
  get waits(): readonly string[] {
    return this.#waits;
  }

  /** Notes why tasks wait. Returns the lines to print, or `null` if nothing changed. */
  wait(lines: readonly string[]): string | null {
    const before = this.#waits;
    this.#waits = lines;
    if (lines.join('\n') === before.join('\n')) return null;
    return lines.length === 0 ? 'tasks continue' : lines.map((line) => `waiting: ${line}`).join('\n');
  }

  /** Processes an event. Returns the line to print, or `null`. */
  hear(event: OfTask): string | null {
    const { index } = event;
    if (this.#ended.has(index)) return null;
    switch (event.event) {
      case 'attempt_started':
        this.#running.set(index, event.epoch === 1 ? 'first turn' : `attempt ${event.epoch}`);
        return null;
      case 'turn_recorded':
        this.#running.set(index, `turn ${event.turn} done`);
        return null;
      case 'attempt_ended':
        this.#running.delete(index);
        return `${this.#label(index)}: attempt ${event.epoch} ${RETURNS[event.ended] ?? event.ended}${because(event.code)}`;
      case 'task_ended':
        return this.end(index, event.status, event.code);
    }
  }

  /** Notes that a task has ended. Returns the line to print, or `null` if the end is already known. */
  end(index: number, status: Outcome['status'], code?: string): string | null {
    if (this.#ended.has(index)) return null;
    this.#ended.set(index, status);
    this.#running.delete(index);
    return `${this.#label(index)}: ${status}${because(code)}`;
  }

  #label(index: number): string {
    const goal = this.#goals[index];
    return goal === undefined ? `#${index}` : `#${index} ${clip(oneLine(goal), GOAL_SHOWN)}`;
  }
}

function because(code: string | undefined): string {
  return code === undefined ? '' : ` (${code})`;
}
