import { HOSTILE_KEYS } from '../hostile.ts';

/** Some JSON with fields. */
export type Fields = Record<string, unknown>;

const FORBIDDEN = new Set(HOSTILE_KEYS.filter((key) => !['length', 'then', 'toJSON', 'prototype'].includes(key)));

/** Gathers the problems of a request, each with its place. */
export class Problems {
  readonly found: string[] = [];

  add(where: string, problem: string): void {
    if (this.found.length < 20) this.found.push(`${problem} at ${where}`);
  }

  /** Checks a text that a vendor requires not to be empty. */
  text(where: string, value: unknown): void {
    if (typeof value !== 'string') this.add(where, `no text: ${JSON.stringify(value)?.slice(0, 80)}`);
    else if (value === '') this.add(where, 'empty text');
  }

  /** Checks the arguments of a call: JSON text of an object. */
  argumentText(where: string, value: unknown): void {
    if (typeof value !== 'string') {
      this.add(where, 'arguments that are no text');
      return;
    }
    try {
      const parsed: unknown = JSON.parse(value);
      if (!isFields(parsed)) this.add(where, `arguments that are no object: ${value.slice(0, 80)}`);
    } catch {
      this.add(where, `arguments that are no JSON: ${value.slice(0, 80)}`);
    }
  }

  /** Checks the name of a tool: only characters that the vendors allow. */
  toolName(where: string, value: unknown): void {
    if (typeof value !== 'string' || !/^[a-zA-Z0-9_-]{1,128}$/.test(value)) {
      this.add(where, `a name that no tool can have: ${JSON.stringify(value)?.slice(0, 80)}`);
    }
  }
}

/** Tells whether JSON is an object. */
export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The entries of a list that are objects. Reports the other entries as problems. */
export function objectsIn(problems: Problems, where: string, list: unknown): Fields[] {
  if (!Array.isArray(list)) {
    problems.add(where, 'expected a list');
    return [];
  }
  return list.flatMap((entry: unknown, at) => {
    if (isFields(entry)) return [entry];
    problems.add(`${where}[${at}]`, `no object: ${JSON.stringify(entry)?.slice(0, 80)}`);
    return [];
  });
}

/** Checks for content that no vendor accepts: half characters, and keys with names of the prototype. */
export function checkJson(problems: Problems, value: unknown, isArguments = false): void {
  const open: { node: unknown; where: string }[] = [{ node: value, where: '' }];
  for (let next = open.pop(); next; next = open.pop()) {
    const { node, where } = next;
    if (typeof node === 'string' && !node.isWellFormed()) problems.add(where, 'half a character');
    if (typeof node !== 'object' || node === null) continue;
    for (const [key, inside] of Object.entries(node)) {
      if (!isArguments && FORBIDDEN.has(key)) problems.add(`${where}.${key}`, 'a key that no vendor knows');
      if (!key.isWellFormed()) problems.add(where, 'half a character in a key');
      open.push({ node: inside, where: `${where}.${key}` });
    }
  }
}

/** Pairs calls with their results one to one, and finds empty and duplicate ids. */
export class Pairing {
  readonly #problems: Problems;
  readonly #seen = new Set<string>();
  #waiting = new Set<string>();

  constructor(problems: Problems) {
    this.#problems = problems;
  }

  call(where: string, id: unknown): void {
    if (typeof id !== 'string' || !/^[a-zA-Z0-9_.:-]+$/.test(id)) {
      this.#problems.add(where, `a call without a usable id: ${JSON.stringify(id)?.slice(0, 80)}`);
      return;
    }
    if (this.#seen.has(id)) this.#problems.add(where, `an id is used twice: ${id}`);
    this.#seen.add(id);
    this.#waiting.add(id);
  }

  result(where: string, id: unknown): void {
    if (typeof id !== 'string' || !this.#waiting.delete(id)) {
      this.#problems.add(where, `a result of a call that does not wait: ${JSON.stringify(id)?.slice(0, 80)}`);
    }
  }

  /** Every call so far must have its result. */
  settle(where: string): void {
    for (const id of this.#waiting) this.#problems.add(where, `a call without a result: ${id}`);
    this.#waiting = new Set();
  }
}
