import { fileURLToPath } from 'node:url';

/** The settings of an MCP server of the tests, which is a file in `test/fixtures/mcp-servers/`. */
export function mcpServer(name: string, over: object = {}): object {
  const file = fileURLToPath(new URL(`../fixtures/mcp-servers/${name}.ts`, import.meta.url));
  return { command: [process.execPath, file], ...over };
}
