/** An MCP server over stdio with one tool. A server that is not your own is a program that you install. */
import { McpServer } from '@modelcontextprotocol/server';
import { StdioServerTransport } from '@modelcontextprotocol/server/stdio';
import { z } from 'zod';

const server = new McpServer({ name: 'orders', version: '1.0.0' });
const inputSchema = z.object({ number: z.int() });
server.registerTool('find_order', { description: 'Finds an order.', inputSchema }, ({ number }) => ({
  content: [{ type: 'text', text: `Order ${number} was shipped on Monday.` }],
}));
await server.connect(new StdioServerTransport());
