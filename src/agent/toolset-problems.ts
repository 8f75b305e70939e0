import { quoted } from '../base/text.ts';
import { KindName } from '../contract/cleanup.ts';
import { typeOf } from '../contract/plain-json.ts';
import { OwnToolsetName } from '../contract/task.ts';
import { isFailureCode, messageOf, type Problem } from '../errors.ts';

const CLASSES = ['read', 'idempotent', 'effect'];
/** The tool names that every provider accepts. */
const TOOL_NAME = /^[a-zA-Z0-9_-]{1,64}$/;

/**
 * The names in use: of toolsets, of the tools of all toolsets, and of kinds of resources. `toolPrefixes`: how the tools
 * begin whose names are not known yet.
 */
export type TakenNames = {
  toolsets: Iterable<string>;
  tools: Iterable<string>;
  kinds: Iterable<string>;
  toolPrefixes?: readonly string[];
};
type NameSpace = 'toolsets' | 'tools' | 'kinds';

/**
 * Finds the problems of own toolsets, each with the path of its field: `at` of the toolset, then the field, such as
 * `toolsets.1.name`. The toolsets may come from JavaScript without types. `isReserved` says why a toolset name must not
 * be used.
 */
export function problemsOfToolsets(
  toolsets: readonly { at: string; toolset: unknown }[],
  taken: TakenNames,
  isReserved: (name: string) => string | null = () => null,
): Problem[] {
  const problems = new Problems(taken);
  for (const { at, toolset } of toolsets) problems.reading(at, () => problems.ofToolset(toolset, at, isReserved));
  return problems.found;
}

/** Finds the problems of tools that a toolset returned, each with the path of its field, such as `tools.0.class`. */
export function problemsOfTools(tools: unknown, taken: Iterable<string>): Problem[] {
  const problems = new Problems({ toolsets: [], tools: taken, kinds: [] });
  problems.reading('tools', () => problems.ofTools(tools, 'tools'));
  return problems.found;
}

class Problems {
  readonly found: Problem[] = [];
  readonly #taken: Record<NameSpace, Set<string>>;
  readonly #toolPrefixes: readonly string[];

  constructor({ toolsets, tools, kinds, toolPrefixes = [] }: TakenNames) {
    this.#toolPrefixes = toolPrefixes;
    this.#taken = { toolsets: new Set(toolsets), tools: new Set(tools), kinds: new Set(kinds) };
  }

  /** Runs a check. If reading a field throws, that is a problem of the value. */
  reading(at: string, look: () => void): void {
    try {
      look();
    } catch (error) {
      this.#add(at, `expected fields that can be read, got an error: ${messageOf(error)}`);
    }
  }

  ofToolset(toolset: unknown, at: string, isReserved: (name: string) => string | null): void {
    if (!this.#isObject(toolset, at, 'a toolset made by defineToolset')) return;
    const { name, restores, resources, requires = [], tools, faultCode } = fieldsOf(toolset);
    const reserved = typeof name === 'string' ? isReserved(name) : null;
    if (!OwnToolsetName.safeParse(name).success) {
      this.#expected('a name of lower-case letters, digits, "-" and "_", at most 40', name, `${at}.name`);
    } else if (reserved !== null) this.#add(`${at}.name`, reserved);
    else this.#claim('toolsets', name, `${at}.name`);
    if (typeof restores !== 'boolean') this.#expected('true or false', restores, `${at}.restores`);
    this.#isFunction(fieldsOf(toolset).open, `${at}.open`);
    if (faultCode !== undefined && !(typeof faultCode === 'string' && isFailureCode(faultCode)))
      this.#expected('a failure code', faultCode, `${at}.faultCode`);
    if (tools !== null) this.ofTools(tools, `${at}.tools`);
    if (!Array.isArray(requires) || requires.some((other) => typeof other !== 'string'))
      this.#expected('an array of names of toolsets', requires, `${at}.requires`);
    if (!Array.isArray(resources)) this.#expected('an array of kinds of resources', resources, `${at}.resources`);
    else for (const [index, kind] of resources.entries()) this.#ofKind(kind, `${at}.resources.${index}`);
  }

  ofTools(tools: unknown, at: string): void {
    if (!Array.isArray(tools)) this.#expected('an array of tools', tools, at);
    else for (const [index, tool] of tools.entries()) this.#ofTool(tool, `${at}.${index}`);
  }

  #ofTool(tool: unknown, at: string): void {
    if (!this.#isObject(tool, at, 'a tool made by defineTool')) return;
    const { definition, class: ofClass, limitMs, run } = fieldsOf(tool);
    const { name, description, parameters } = fieldsOf(definition);
    if (typeof name !== 'string' || !TOOL_NAME.test(name)) {
      this.#expected('a name of letters, digits, "-" and "_", at most 64', name, `${at}.name`);
    } else this.#claimTool(name, `${at}.name`);
    if (typeof description !== 'string' || description.trim() === '') {
      this.#expected('a non-empty string', description, `${at}.description`);
    }
    if (fieldsOf(parameters).type !== 'object') {
      this.#expected('a Zod object, or a JSON Schema with the type "object"', parameters, `${at}.parameters`);
    }
    if (typeof ofClass !== 'string' || !CLASSES.includes(ofClass))
      this.#expected(`one of ${CLASSES.join(', ')}`, ofClass, `${at}.class`);
    const isLimit = limitMs === undefined || (Number.isFinite(limitMs) && Number(limitMs) > 0);
    if (!isLimit) this.#expected('a number of ms above 0', limitMs, `${at}.limitMs`);
    this.#isFunction(run, `${at}.run`);
  }

  #ofKind(given: unknown, at: string): void {
    if (!this.#isObject(given, at, 'a kind of resource')) return;
    const { kind, outlivesProcess, release, doubt, rowName } = fieldsOf(given);
    if (!KindName.safeParse(kind).success) {
      this.#expected('a name of lower-case letters, digits and "_", at most 40', kind, `${at}.kind`);
    } else this.#claim('kinds', kind, `${at}.kind`);
    if (typeof outlivesProcess !== 'boolean') {
      this.#expected('true or false', outlivesProcess, `${at}.outlivesProcess`);
    }
    this.#isFunction(release, `${at}.release`);
    if (doubt !== undefined) this.#isFunction(doubt, `${at}.doubt`);
    if (rowName !== undefined) this.#isFunction(rowName, `${at}.rowName`);
  }

  #claimTool(name: string, path: string): void {
    const prefix = this.#toolPrefixes.find((taken) => name.startsWith(taken));
    if (prefix === undefined) this.#claim('tools', name, path);
    else this.#add(path, `expected a name that does not begin as the tools of an MCP server do (${prefix})`);
  }

  #claim(what: NameSpace, name: unknown, path: string): void {
    const names = this.#taken[what];
    if (names.has(String(name))) this.#add(path, `expected a unique name; ${quoted(String(name))} is already in use`);
    names.add(String(name));
  }

  #isObject(value: unknown, path: string, what: string): boolean {
    if (typeOf(value) === 'object') return true;
    this.#expected(what, value, path);
    return false;
  }

  #isFunction(value: unknown, path: string): void {
    if (typeof value !== 'function') this.#expected('a function', value, path);
  }

  #expected(what: string, got: unknown, path: string): void {
    const shown = typeof got === 'number' ? String(got) : typeOf(got);
    this.#add(path, `expected ${what}, got ${typeof got === 'string' ? quoted(got) : shown}`);
  }

  #add(path: string, message: string): void {
    this.found.push({ path, message });
  }
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return Object(value);
}
