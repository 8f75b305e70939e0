import { createLogUpdate } from 'log-update';
import { clip, oneLine } from '../../base/text.ts';
import type { Progress } from './progress.ts';
import type { Screen } from './screen.ts';

/** Shows a {@link Progress} while it changes. */
export type ProgressView = {
  /** Shows what has changed; `line` is news, `null` where there is none to tell. */
  show: (line: string | null) => void;
  /** Leaves the screen as a log would. */
  close: () => void;
};

const BAR = 24;
const TASKS_SHOWN = 8;
const REDRAW_MS = 100;

/** Opens a live view on a terminal, and plain lines elsewhere: one for every end, retry and deferral of a task. */
export function openProgressView(progress: Progress, { live, note }: Screen): ProgressView {
  if (!live) return { show: (line) => line !== null && note(line), close: () => undefined };
  const redraw = createLogUpdate(live);
  const startedAt = performance.now();
  const draw = () => redraw(frame(progress, live.columns, performance.now() - startedAt));
  const timer = setInterval(draw, REDRAW_MS);
  return {
    // The timer draws: a batch of thousands would otherwise redraw the screen for each of its events.
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
  const why = waits.map((line) => `waits: ${line}`);
  const lines = [head, ...why, ...running.slice(0, TASKS_SHOWN), ...(hidden > 0 ? [`and ${hidden} more running`] : [])];
  return lines.map((line) => clip(oneLine(line), columns - 1)).join('\n');
}
