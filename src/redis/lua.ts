declare const names: unique symbol;

/**
 * A piece of Lua. `needs`: the locals that it uses and does not declare. `gives`: the locals that it declares for the
 * pieces after it. Both are in the type too, so a script that lacks a local does not compile.
 */
export type Lua<Needs extends string = never, Gives extends string = never> = {
  readonly text: string;
  readonly needs: readonly string[];
  readonly gives: readonly string[];
  /** Exists in types only. */
  readonly [names]?: { needs: Needs; gives: Gives };
};

type AnyLua = Lua<string, string>;
type NeedsOf<P> = P extends Lua<infer Needs, string> ? Needs : never;
type GivesOf<P> = P extends Lua<string, infer Gives> ? Gives : never;

/** The reserved names of Lua and the names that Redis gives a script. */
const RESERVED = new Set(
  'and break do else elseif end false for function if in local nil not or repeat return then true until while KEYS ARGV _G redis cjson cmsgpack bit struct math string table assert error ipairs next pairs pcall select tonumber tostring type unpack xpcall'.split(
    ' ',
  ),
);

/**
 * Makes a piece of Lua from a template. Takes only numbers and other pieces. The text is raw, so Lua reads `\n` itself.
 * A piece may use the locals that the pieces before it give. The whole needs all other locals.
 */
export function lua<const P extends readonly (AnyLua | number)[]>(
  { raw }: TemplateStringsArray,
  ...parts: P
): Lua<Exclude<NeedsOf<P[number]>, GivesOf<P[number]>>, GivesOf<P[number]>> {
  const needs = new Set<string>();
  const gives = new Set<string>();
  let text = raw[0] ?? '';
  for (const [at, part] of parts.entries()) {
    text += `${typeof part === 'number' ? part : part.text}${raw[at + 1] ?? ''}`;
    if (typeof part === 'number') continue;
    for (const name of part.needs) if (!gives.has(name)) needs.add(name);
    for (const name of part.gives) gives.add(name);
  }
  return { text, needs: [...needs], gives: [...gives] };
}

/** The locals that a fragment declares and uses. */
type Names<Needs extends string, Gives extends string> = { needs?: readonly Needs[]; gives?: readonly Gives[] };

/**
 * Makes a fragment that scripts share, which states the locals that it needs and gives.
 * @throws TypeError for a stated name that the Lua does not use.
 */
export function fragment<
  const Needs extends string = never,
  const Gives extends string = never,
  Inner extends string = never,
  Given extends string = never,
>(
  { needs = [], gives = [] }: Names<Needs, Gives>,
  { text, ...inner }: Lua<Inner, Given>,
): Lua<Needs | Inner, Gives | Given> {
  assertUsed('a fragment', text, [...needs, ...gives]);
  return { text, needs: [...needs, ...inner.needs], gives: [...gives, ...inner.gives] };
}

/** Checks that Lua uses each of these names. @throws TypeError that names the first one it does not use. */
export function assertUsed(what: string, text: string, used: readonly string[]): void {
  const words = new Set(text.match(/\w+/g));
  const unused = used.find((name) => !words.has(name));
  if (unused !== undefined) throw new TypeError(`${what} names "${unused}", which its Lua does not use`);
}

/** Checks that each name can be a local of its own. @throws TypeError that names the first one that cannot. */
export function assertLocals(what: string, locals: readonly string[]): void {
  const bad = locals.find((name) => !/^[a-z_][a-z0-9_]*$/i.test(name) || RESERVED.has(name));
  if (bad !== undefined) throw new TypeError(`${what}: "${bad}" cannot be a local in Lua`);
  const twice = locals.find((name, at) => locals.indexOf(name) !== at);
  if (twice !== undefined) throw new TypeError(`${what} names "${twice}" twice`);
}
