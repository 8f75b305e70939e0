import { type CodeBlock, codeBlocks } from '../helpers/markdown.ts';
import { pages } from '../helpers/pages.ts';

/** Every fenced block of every page. */
export const blocks: readonly CodeBlock[] = Object.entries(pages).flatMap(([file, text]) => codeBlocks(file, text));

/** The language and the mark of a block, as the page writes them. */
export function kindOf({ language, mark }: CodeBlock): string {
  return mark === '' ? language : `${language} ${mark}`;
}

/** The blocks of these kinds, each under its place. */
export function blocksOf(...kinds: string[]): [place: string, block: CodeBlock][] {
  return blocks.filter((block) => kinds.includes(kindOf(block))).map((block) => [placeOf(block), block]);
}

/** Where a block is: its page and its section, so that a place survives a change elsewhere on the page. */
export function placeOf({ file, section }: CodeBlock): string {
  return section === '' ? file : `${file}#${section}`;
}
