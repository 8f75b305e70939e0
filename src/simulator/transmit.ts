import type { ServerResponse } from 'node:http';
import { sleep } from '../base/clock.ts';
import { byteLength } from '../base/text.ts';
import type { Answer } from './answer.ts';

function writeHead(res: ServerResponse, { status, headers, ending, gapMs, parts }: Answer): void {
  if (status === null) return;
  const isWhole = ending === 'complete' && gapMs === 0;
  const length = parts.reduce((sum, part) => sum + byteLength(part), 0);
  res.writeHead(status, isWhole ? { ...headers, 'content-length': length } : headers);
}

function write(res: ServerResponse, text: string): Promise<void> {
  return new Promise((resolve) => res.write(text, () => resolve()));
}

async function writeParts(res: ServerResponse, { parts, gapMs, status }: Answer, signal: AbortSignal): Promise<void> {
  if (status !== null) res.flushHeaders();
  for (const part of gapMs > 0 ? parts : [parts.join('')]) {
    if (gapMs > 0) await sleep(gapMs, signal);
    if (part !== '') await write(res, part);
  }
}

async function transmitSlowly(res: ServerResponse, answer: Answer, onHead: () => void): Promise<void> {
  const gone = new AbortController();
  const leave = () => gone.abort();
  res.once('close', leave);
  try {
    if (answer.latencyMs > 0) await sleep(answer.latencyMs, gone.signal);
    onHead();
    writeHead(res, answer);
    await writeParts(res, answer, gone.signal);
  } catch (error) {
    if (gone.signal.aborted) return;
    throw error;
  }
  if (answer.ending === 'reset') res.socket?.resetAndDestroy();
  else if (answer.ending !== 'hang') res.end();
}

/**
 * Sends an answer. Calls `onHead` just before it sends the headers. Resolves when nothing more will be sent, or as soon
 * as the client disconnects.
 */
export async function transmit(res: ServerResponse, answer: Answer, onHead: () => void): Promise<void> {
  if (answer.ending !== 'complete' || answer.latencyMs > 0 || answer.gapMs > 0) {
    return transmitSlowly(res, answer, onHead);
  }
  onHead();
  writeHead(res, answer);
  res.end(answer.parts.join(''));
}
