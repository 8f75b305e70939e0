import { jsonLine, printableStyled } from '../../base/text.ts';

/** The output of a command: results go to standard output, everything else to standard error. */
export type Screen = {
  /** Writes a result, with a line break after it. */
  print: (text: string) => void;
  /** Writes a result as one line of JSON, for programs. */
  json: (value: unknown) => void;
  /** Writes one or more lines for the person at the terminal. */
  note: (text: string) => void;
  /** The maximum width of a table, in columns. */
  width: number;
  /** Standard error, if a live view may redraw it; `null` if it is not a terminal. */
  live: NodeJS.WriteStream | null;
};

type Terminal = Pick<NodeJS.WriteStream, 'isTTY' | 'columns'>;

/** The width of tables if the output is not a terminal: wide enough for logs, narrow enough to read. */
const WIDTH_ELSEWHERE = 120;

/**
 * Returns the columns of a terminal. Returns the default for other outputs, and for terminals that report 0 columns.
 */
export function columnsOf({ isTTY, columns }: Terminal): number {
  return (isTTY && columns) || WIDTH_ELSEWHERE;
}

/** Returns the stream if a live view can redraw it: a terminal that reports its width. */
export function drawableOf<T extends Terminal>(stream: T): T | null {
  return stream.isTTY && stream.columns > 0 ? stream : null;
}

/**
 * Opens the screen of this process. If the reader closes the pipe early, as `head` does, the process exits without an
 * error. A process that listens for SIGTERM receives SIGTERM instead, because it must release what it holds.
 */
export function openScreen(): Screen {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    // A closed pipe, or a closed terminal.
    if (error.code !== 'EPIPE' && error.code !== 'EIO') throw error;
    if (process.listenerCount('SIGTERM') === 0) process.exit(0);
    if (hasReader) process.kill(process.pid, 'SIGTERM');
    hasReader = false;
  });
  process.stderr.on('error', () => undefined); // a closed standard error loses only the notes
  let hasReader = true;
  return {
    print: (text) => process.stdout.write(`${printableStyled(text)}\n`),
    json: (value) => process.stdout.write(`${jsonLine(value)}\n`),
    note: (text) => process.stderr.write(`${printableStyled(text)}\n`),
    width: columnsOf(process.stdout),
    live: drawableOf(process.stderr),
  };
}
