import { createLogUpdate } from 'log-update';
import { clip, oneLine } from '../../base/text.ts';
import type { Progress } from './progress.ts';
import type { Screen } from './screen.ts';

/** Shows a {@link Progress} while it changes. */
export type ProgressView = {
  /** Shows a change. `line` describes it, or is `null` if the change needs no line. */
  show: (line: string | null) => void;
  /** Removes the live view. */
  close: () => void;
};

const BAR = 24;
const TASKS_SHOWN = 8;
const REDRAW_MS = 100;

/** Opens a live view on a terminal. Elsewhere it prints a line for each end, retry and deferral of a task. */
export function openProgressView(progress: Progress, { live, note }: Screen): ProgressView {
  if (!live) return { show: (line) => line !== null && note(line), close: () => undefined };
  const redraw = createLogUpdate(live);
  const startedAt = performance.now();
  const draw = () => redraw(frame(progress, live.columns, performance.now() - startedAt));
  const timer = setInterval(draw, REDRAW_MS);
  return {
    // The timer draws: otherwise a batch of thousands of tasks would redraw the screen for each event.
    show: () => undefined,
    close: () => {
      clearInterval(timer);
      redraw.clear();
      redraw.done();
    },
  };
}

function frame(progress: Progress, columns: number, elapsedMs: number): string {
  const { ended, total, notSucceeded, running, waits } = progress;
  const full = Math.floor((ended / total) * BAR);
  const failed = notSucceeded === 0 ? '' : ` · ${notSucceeded} not succeeded`;
  const head = `${'█'.repeat(full)}${'░'.repeat(BAR - full)} ${ended} of ${total} ended${failed} · ${Math.floor(elapsedMs / 1000)} s`;
  const hidden = running.length - TASKS_SHOWN;
  const why = waits.map((line) => `waiting: ${line}`);
  const lines = [head, ...why, ...running.slice(0, TASKS_SHOWN), ...(hidden > 0 ? [`and ${hidden} more running`] : [])];
  return lines.map((line) => clip(oneLine(line), columns - 1)).join('\n');
}
