import { join } from 'node:path';

/** A call of a tool, and a text that the model must get back. */
type Call = { tool: string; args: Record<string, unknown>; expected: string };

/** An MCP server of the check: how the operator declares it, and the calls of its cell in the matrix. */
export type CheckedServer = {
  name: string;
  declared: Record<string, unknown>;
  /** The kind of the row that stands for it on the ledger. */
  rowKind: 'process' | 'mcp_session';
  callsOf: (wire: string) => Call[];
};

/** Where the servers find and write what they need. */
export type ServerPlaces = { dir: string; liarCalls: string; webUrl: string };

/** How long a server may be silent in a call: less than the servers that hang, more than any other. */
const CALL_TIMEOUT_MS = 8_000;
/** The first bytes of a PNG in base64. */
const PNG = 'iVBORw0KGgo';

/** The servers: two of the reference collection, three of the tests over stdio, and one over HTTP. */
export function checkedServers({ dir, liarCalls, webUrl }: ServerPlaces): CheckedServer[] {
  const stdio = (name: string, command: string[], callsOf: CheckedServer['callsOf'], over: object = {}) => ({
    rowKind: 'process' as const,
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
    {
      name: 'web',
      declared: { url: webUrl },
      rowKind: 'mcp_session',
      callsOf: (wire) => [{ tool: 'send', args: { text: `matrix ${wire}` }, expected: 'it was sent' }],
    },
  ];
}

function reference(name: string): string {
  return join(import.meta.dirname, `../node_modules/@modelcontextprotocol/server-${name}/dist/index.js`);
}

function ofTests(name: string): string {
  return join(import.meta.dirname, `../../test/fixtures/mcp-servers/${name}.ts`);
}
