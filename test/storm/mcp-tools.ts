import { setTimeout as delay } from 'node:timers/promises';
import { McpServer } from '@modelcontextprotocol/server';
import { z } from 'zod';
import { noteEffect } from './effects.ts';

/** How long an effect is under way once it has happened, so that some are when their worker is killed. */
const EFFECT_MS = 60;

/** An MCP server with one tool: `send` has an effect, which it notes in the file of effects. */
export function sendServer(): McpServer {
  const server = new McpServer({ name: 'send', version: '1.0.0' });
  const inputSchema = z.object({ text: z.string() });
  server.registerTool('send', { description: 'Sends a text once.', inputSchema }, async ({ text }) => {
    noteEffect(text);
    await delay(EFFECT_MS);
    return { content: [{ type: 'text', text: 'it was sent' }] };
  });
  return server;
}
