import { z } from 'zod';
import { defineTool, defineToolset, type ResourceKind, type Toolset } from '../../src/entries/worker.ts';

/** A toolset of the team's own. Each attempt has a session at the service, which outlives the worker. */
export function sessionsToolset(url: string): Toolset {
  const refOf = ({ taskId, epoch }: { taskId: string; epoch: number }) => `${taskId}.${epoch}`;
  return defineToolset({
    name: 'sessions',
    resources: [sessionKind(url)],
    tools: [
      defineTool({
        name: 'send',
        description: 'Sends a text once.',
        class: 'effect',
        parameters: z.strictObject({ text: z.string() }),
        run: ({ text }, { session, signal }) => ask(url, refOf(session), { method: 'POST', body: text, signal }),
      }),
    ],
    open: async (session) => {
      const ref = refOf(session);
      await session.hold({ session: { kind: 'session', ref, acquire: () => ask(url, ref, { method: 'PUT' }) } });
      return {};
    },
  });
}

function sessionKind(url: string): ResourceKind {
  return {
    kind: 'session',
    outlivesProcess: true,
    release: async (ref) => {
      await ask(url, ref, { method: 'DELETE' });
      return { evidence: 'acknowledged', detail: 'the service ended the session' };
    },
  };
}

async function ask(url: string, ref: string, init: RequestInit): Promise<string> {
  const response = await fetch(`${url}/${ref}`, init);
  const text = await response.text();
  if (!response.ok) throw new Error(text);
  return text;
}
