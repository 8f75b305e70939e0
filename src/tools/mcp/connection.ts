import { Client, SdkError, SdkErrorCode, SdkHttpError, type Transport } from '@modelcontextprotocol/client';
import type { CallContext } from '../../agent/tool.ts';
import type { ToolReply } from '../../agent/tool-reply.ts';
import { foreign } from '../../base/foreign.ts';
import { unlessAborted } from '../../base/unless-aborted.ts';
import { withinTime } from '../../base/within-time.ts';
import { inWords, problemTexts } from '../../contract/schema-words.ts';
import { messageOf } from '../../errors.ts';
import { replyOfResult } from './reply.ts';
import { ToolList } from './tool-list.ts';

/** The maximum number of pages of a list of tools. */
const MAX_PAGES = 16;

/** The result of one call: a reply, or a connection that ended before the reply. */
export type CallResult = { status: 'replied'; reply: ToolReply } | { status: 'ended' };

/** One call: the tool by its name at the server, its arguments, and how long the server may be silent. */
export type ToolCallRequest = { tool: string; args: Readonly<Record<string, unknown>>; silentMs: number };

/** How long a connection may take, and what ends it early. */
export type ConnectLimits = { limitMs: number; signal: AbortSignal };

/**
 * What is behind a connection. `isUnguarded`: a process without the guard. `end` is called once the connection is
 * closed, and never throws.
 */
export type Backing = { isUnguarded: boolean; end: () => Promise<unknown> };

const NO_PROCESS: Backing = { isUnguarded: false, end: async () => undefined };

/** A connection to an MCP server. The owner of the process ends the process. */
export class McpConnection {
  readonly #client: Client;
  /** Resolves when either side has closed the connection, and what was behind it has ended. */
  readonly ended: Promise<unknown>;
  readonly isUnguarded: boolean;
  #isOpen = true;
  #changes = 0;

  private constructor(client: Client, { isUnguarded, end }: Backing) {
    this.#client = client;
    this.isUnguarded = isUnguarded;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.ended = promise.then(end);
    client.onclose = () => {
      this.#isOpen = false;
      resolve();
    };
    client.setNotificationHandler('notifications/tools/list_changed', () => {
      this.#changes++;
    });
  }

  /** Connects and shakes hands. @throws Error if the server does not answer in time, or answers with an error. */
  static async open(
    transport: Transport,
    { limitMs, signal }: ConnectLimits,
    backing = NO_PROCESS,
  ): Promise<McpConnection> {
    const client = new Client(
      { name: 'errand', version: '1' },
      {
        capabilities: {},
        listMaxPages: MAX_PAGES,
        // Structured results are text for a model. Compiling the schemas of a server would run its code generator.
        jsonSchemaValidator: {
          getValidator: () => (data) => ({ valid: true, data: data as never, errorMessage: undefined }),
        },
      },
    );
    const connection = new McpConnection(client, backing);
    // The client limits its requests, but not the notification that ends the handshake.
    const connecting = client.connect(transport, { timeout: limitMs, signal });
    const late = () => new Error(`the handshake did not end within ${limitMs / 1000} s`);
    await unlessAborted(withinTime(connecting, limitMs, late), signal);
    return connection;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** The name and the version that the server gave itself. */
  get server(): ToolList['server'] {
    const { name = '', version = '' } = this.#client.getServerVersion() ?? {};
    return { name, version };
  }

  /** How often the server has said that its tools changed. */
  get changes(): number {
    return this.#changes;
  }

  /** Lists the tools. @throws Error if the server does not list them, or the list is invalid. */
  async list({ limitMs, signal }: ConnectLimits): Promise<ToolList> {
    const { tools } = await this.#client.listTools(undefined, { timeout: limitMs, signal });
    return listOf({ server: this.server, tools });
  }

  /**
   * Calls a tool. Reports of progress extend the time in which the server must answer; the signal of the call limits it.
   * @throws Error if the server answers with an error or is silent for too long; the reason of the signal.
   */
  async call({ tool, args, silentMs }: ToolCallRequest, { signal, progress }: CallContext): Promise<CallResult> {
    if (!this.#isOpen) return { status: 'ended' };
    try {
      const result = await this.#client.callTool(
        { name: tool, arguments: args },
        {
          signal,
          timeout: silentMs,
          resetTimeoutOnProgress: true,
          onprogress: ({ message, progress: done, total }) =>
            progress(message ?? (total === undefined ? `${done}` : `${done} of ${total}`)),
        },
      );
      return { status: 'replied', reply: replyOfResult(result) };
    } catch (error) {
      signal.throwIfAborted();
      if (isLost(error)) await this.#client.close();
      if (!this.#isOpen) return { status: 'ended' };
      throw new Error(reasonOf(error, silentMs), { cause: error });
    }
  }

  /** Tells whether the server answers a ping in time. Never throws. */
  async answers(withinMs: number): Promise<boolean> {
    const isAnswered = await this.#client.ping({ timeout: withinMs }).then(
      () => true,
      () => false,
    );
    return isAnswered && this.#isOpen;
  }
}

/** Schemas are walked by recursion and stored, so they have a maximum depth. */
function listOf(value: { server: object; tools: unknown[] }): ToolList {
  const parsed = ToolList.safeParse(foreign(value), inWords('field'));
  if (parsed.success) return parsed.data;
  throw new Error(`its list of tools is invalid: ${problemTexts(parsed.error.issues, 'the list')[0]}`);
}

/** Tells whether the session of a server over HTTP is gone, or its socket broke. */
function isLost(error: unknown): boolean {
  if (error instanceof SdkHttpError) return error.status === 404;
  if (error instanceof SdkError) return error.code === SdkErrorCode.ConnectionClosed;
  return error instanceof TypeError && error.message === 'fetch failed';
}

function reasonOf(error: unknown, silentMs: number): string {
  if (!(error instanceof SdkError) || error.code !== SdkErrorCode.RequestTimeout) return messageOf(error);
  return `no answer and no progress for ${silentMs / 1000} s; the call may still take effect`;
}
