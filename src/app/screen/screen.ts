import { jsonLine, printableStyled } from '../../base/text.ts';

/** Where a command writes: results to standard output, everything else to standard error. */
export type Screen = {
  /** Writes a result, with a line break after it. */
  print: (text: string) => void;
  /** Writes a result as one line of JSON, for programs. */
  json: (value: unknown) => void;
  /** Tells the person at the terminal something, one or more lines. */
  note: (text: string) => void;
  /** Columns a table may take. */
  width: number;
  /** Standard error, where a live view may redraw itself; `null` where nobody watches. */
  live: NodeJS.WriteStream | null;
};

type Terminal = Pick<NodeJS.WriteStream, 'isTTY' | 'columns'>;

/** What a table is laid out for where the output is no terminal: wide enough for logs, narrow enough to read. */
const WIDTH_ELSEWHERE = 120;

/** The columns of a terminal, or what is laid out for elsewhere; some terminals say that they have none. */
export function columnsOf({ isTTY, columns }: Terminal): number {
  return (isTTY && columns) || WIDTH_ELSEWHERE;
}

/** A terminal on which a view may redraw itself: one that says how wide it is. */
export function drawableOf<T extends Terminal>(stream: T): T | null {
  return stream.isTTY && stream.columns > 0 ? stream : null;
}

/**
 * Opens the screen of this process. A reader that goes away early, such as `head`, ends the process quietly; one that runs
 * until it is told to stop is told so, because there is something to hand back.
 */
export function openScreen(): Screen {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    // A closed pipe, or a closed terminal.
    if (error.code !== 'EPIPE' && error.code !== 'EIO') throw error;
    if (process.listenerCount('SIGTERM') === 0) process.exit(0);
    if (hasReader) process.kill(process.pid, 'SIGTERM');
    hasReader = false;
  });
  process.stderr.on('error', () => undefined); // whoever does not listen to notes misses nothing but them
  let hasReader = true;
  return {
    print: (text) => process.stdout.write(`${printableStyled(text)}\n`),
    json: (value) => process.stdout.write(`${jsonLine(value)}\n`),
    note: (text) => process.stderr.write(`${printableStyled(text)}\n`),
    width: columnsOf(process.stdout),
    live: drawableOf(process.stderr),
  };
}
