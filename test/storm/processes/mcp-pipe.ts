/** An MCP server over stdio, of which each attempt has its own. */
import { StdioServerTransport } from '@modelcontextprotocol/server/stdio';
import { sendServer } from '../mcp-tools.ts';

await sendServer().connect(new StdioServerTransport());
