import { z } from 'zod';
import { inWords, problemTexts } from '../contract/schema-words.ts';
import { ErrandError, messageOf } from '../errors.ts';
import type { ToolDefinition } from '../providers/model.ts';
import { shownTool } from './shown-tool.ts';
import type { JsonValue, ToolReply } from './tool-reply.ts';
import type { ToolSession } from './tool-session.ts';

/**
 * The effect of running a call twice.
 *
 * `read`: the call changes nothing. `idempotent`: it leads to the same state. `effect`: it would happen twice, so it is
 * recorded before it runs, and an interrupted call is never repeated.
 */
export type ToolClass = 'read' | 'idempotent' | 'effect';

/** One call of a tool. */
export type CallContext = {
  /** Unique for the call, and the same in every attempt of the task: use it as the idempotency key of an API. */
  callId: string;
  /** Aborts when the attempt ends or the call passes its limit. A tool that ignores it ends the attempt. */
  signal: AbortSignal;
  /** Reports what the call does now, as a short sentence for the people who watch the task. */
  progress: (text: string) => void;
  session: ToolSession;
};

/** What a tool returns: text, a JSON value that the model reads as JSON, or a {@link ToolReply} with images. */
export type ToolOutput = JsonValue | ToolReply;

/**
 * A function that the model can call. The model reads what `run` returns, or the message of the error that it throws.
 */
export interface Tool {
  readonly definition: ToolDefinition;
  readonly class: ToolClass;
  /** The time limit of one call in ms, if it is lower than `watchdogs.tool_ms`. */
  readonly limitMs?: number | undefined;
  run(args: unknown, call: CallContext): Promise<ToolOutput>;
}

/** A JSON Schema of an object. */
export type ObjectSchema = { readonly type: 'object'; readonly [keyword: string]: unknown };

type Fields<Parameters, Args> = {
  name: string;
  description: string;
  class: ToolClass;
  parameters: Parameters;
  limitMs?: number | undefined;
  run: (args: Args, call: CallContext) => ToolOutput | Promise<ToolOutput>;
};

/**
 * Makes a tool. `parameters` is a Zod object or a JSON Schema of an object; `run` gets only arguments that fit.
 * @throws ErrandError `USAGE_INVALID` if the parameters cannot be shown to a model as a JSON Schema.
 */
export function defineTool<S extends z.ZodObject>(tool: Fields<S, z.infer<S>>): Tool;
export function defineTool(tool: Fields<ObjectSchema, Record<string, unknown>>): Tool;
export function defineTool(tool: Fields<z.ZodObject | ObjectSchema, never>): Tool {
  const { name, description, limitMs } = tool;
  const { shown, schema } = parametersOf(name, tool.parameters);
  return {
    definition: shownTool({ name, description, parameters: shown }),
    class: tool.class,
    ...(limitMs !== undefined && { limitMs }),
    run: async (args, call) => {
      const parsed = schema.safeParse(args, inWords('argument'));
      if (!parsed.success)
        throw new Error(`invalid arguments: ${problemTexts(parsed.error.issues, 'the arguments').join('; ')}`);
      return tool.run(parsed.data as never, call);
    },
  };
}

/** The parameters as the model sees them, and the schema that checks arguments. */
type Parameters = { shown: Record<string, unknown>; schema: z.ZodType };

function parametersOf(name: string, parameters: z.ZodObject | ObjectSchema): Parameters {
  try {
    if (!isZod(parameters)) return { shown: parameters, schema: z.fromJSONSchema(parameters) };
    return { shown: z.toJSONSchema(parameters, { io: 'input' }), schema: parameters };
  } catch (cause) {
    const message = `the parameters of tool "${name}" are not a JSON Schema: ${messageOf(cause)}`;
    const remedy = 'Pass a Zod object of plain JSON values, or a JSON Schema with the type "object".';
    throw new ErrandError('USAGE_INVALID', message, { cause, remedy });
  }
}

/** A schema may come from another copy of Zod, so `instanceof` does not recognise it. */
function isZod(parameters: z.ZodObject | ObjectSchema): parameters is z.ZodObject {
  return typeof Object(parameters).safeParse === 'function';
}
