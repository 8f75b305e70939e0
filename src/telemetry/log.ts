import { Writable } from 'node:stream';
import { type Logger, pino } from 'pino';
import { build as buildPretty } from 'pino-pretty';
import type { Redactor } from '../base/secret.ts';
import { oneLine, printableJson, printableStyled } from '../base/text.ts';

export type Log = Logger;

/** Where and how to log. `isPretty` is for people at a terminal; machines get JSON lines. */
export type LogOptions = { level: string; isPretty: boolean; redactor: Redactor; output: NodeJS.WritableStream };

/**
 * Makes the log. Each line is scrubbed as text just before it is written, because redaction by path misses keys in
 * messages, causes and nested values. People read both kinds of lines in terminals, so neither kind contains control
 * characters.
 */
export function createLog({ level, isPretty, redactor, output }: LogOptions): Log {
  const scrubbed = new Writable({
    decodeStrings: false,
    write: (line: string | Buffer, _encoding, done) => {
      const text = line.toString();
      output.write(redactor.scrub(isPretty ? printableStyled(text) : printableJson(text)));
      done();
    },
  });
  const stream = isPretty
    ? buildPretty({
        destination: scrubbed,
        ignore: 'pid,hostname',
        colorize: true,
        singleLine: true,
        messageFormat: (line, key) => oneLine(String(line[key] ?? '')),
        // These two fields are printed unescaped before the message; all other fields are JSON.
        customPrettifiers: { name: (name) => oneLine(String(name)), caller: (caller) => oneLine(String(caller)) },
      })
    : scrubbed;
  return pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, stream);
}
