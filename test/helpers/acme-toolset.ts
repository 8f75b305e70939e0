import { appendFile, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { defineTool, defineToolset, type ResourceKind, type Toolset } from '../../src/entries/worker.ts';

/** A toolset of a program, which notes its calls in the directory. `hangsAt`: the tool that never returns. */
export type AcmeOptions = { dir: string; hangsAt?: string | undefined; restores?: boolean };

/** One tool of each class, and a desk for each attempt: a file that outlives its process. */
export function acmeToolset({ dir, hangsAt, restores = false }: AcmeOptions): Toolset {
  const tool = (name: string, ofClass: 'read' | 'idempotent' | 'effect') =>
    defineTool({
      name,
      description: `Does ${name}.`,
      class: ofClass,
      parameters: z.strictObject({}),
      run: async (_, { callId, session }) => {
        await appendFile(join(dir, 'calls'), `${session.epoch} ${name} ${callId}\n`);
        if (name === hangsAt) await new Promise(() => setInterval(() => undefined, 60_000));
        return `${name} done`;
      },
    });
  return defineToolset({
    name: 'acme',
    restores,
    resources: [deskKind(dir)],
    tools: [tool('look', 'read'), tool('put', 'idempotent'), tool('send', 'effect')],
    open: async (session) => {
      const ref = `${session.taskId}.${session.epoch}`;
      await session.hold({ desk: { kind: 'desk', ref, acquire: () => writeFile(join(dir, ref), '') } });
      return { collect: async () => [{ path: 'desk.txt', bytes: 4, text: 'tidy' }] };
    },
  });
}

function deskKind(dir: string): ResourceKind {
  return {
    kind: 'desk',
    outlivesProcess: true,
    release: async (ref) => {
      await rm(join(dir, ref), { force: true });
      return { evidence: 'verified', detail: 'the desk is gone' };
    },
  };
}

/** The calls that tools of the toolset noted, each as epoch, tool and call id. */
export async function acmeCalls(dir: string): Promise<string[][]> {
  const text = await readFile(join(dir, 'calls'), 'utf8').catch(() => '');
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => line.split(' '));
}

/** Tells whether the desk of an attempt exists. */
export async function hasDesk(dir: string, taskId: string, epoch: number): Promise<boolean> {
  return stat(join(dir, `${taskId}.${epoch}`)).then(
    () => true,
    () => false,
  );
}
