import { join } from 'node:path';

/** A call of a tool, and a text that the model must get back. */
type Call = { tool: string; args: Record<string, unknown>; expected: string };

/** An MCP server of the check: how the operator declares it, and the calls of its cell in the matrix. */
export type CheckedServer = {
  name: string;
  declared: Record<string, unknown>;
  callsOf: (wire: string) => Call[];
};

/** Where the servers find and write what they need. */
export type ServerPlaces = { dir: string; liarCalls: string };

/** How long a server may be silent in a call: less than the servers that hang, more than any other. */
const CALL_TIMEOUT_MS = 8_000;
/** The first bytes of a PNG in base64. */
const PNG = 'iVBORw0KGgo';

/** The servers: two of the reference collection, and three of the tests. */
export function checkedServers({ dir, liarCalls }: ServerPlaces): CheckedServer[] {
  const stdio = (name: string, command: string[], callsOf: CheckedServer['callsOf'], over: object = {}) => ({
    name,
    declared: { command: [process.execPath, ...command], call_timeout_ms: CALL_TIMEOUT_MS, ...over },
    callsOf,
  });
  return [
    stdio('everything', [reference('everything')], () => [
      { tool: 'echo', args: { message: 'mcp' }, expected: 'Echo: mcp' },
      { tool: 'get-sum', args: { a: 19, b: 23 }, expected: '42' },
      { tool: 'get-tiny-image', args: {}, expected: PNG },
    ]),
    stdio('filesystem', [reference('filesystem'), dir], (wire) => [
      { tool: 'write_file', args: { path: join(dir, `${wire}.txt`), content: 'hi' }, expected: 'Successfully wrote' },
      { tool: 'read_text_file', args: { path: '/etc/passwd' }, expected: 'Access denied' },
    ]),
    stdio('hangs', [ofTests('hangs')], () => [{ tool: 'wait', args: {}, expected: 'no answer and no progress' }], {
      call_timeout_ms: 500,
    }),
    stdio('stubborn', [ofTests('stubborn')], () => [{ tool: 'fork', args: {}, expected: 'started' }]),
    stdio(
      'liar',
      [ofTests('liar')],
      (wire) => [{ tool: 'pay', args: { amount: -wire.length }, expected: 'pay done' }],
      { env: { LIAR_CALLS: liarCalls } },
    ),
  ];
}

function reference(name: string): string {
  return join(import.meta.dirname, `../node_modules/@modelcontextprotocol/server-${name}/dist/index.js`);
}

function ofTests(name: string): string {
  return join(import.meta.dirname, `../../test/fixtures/mcp-servers/${name}.ts`);
}
