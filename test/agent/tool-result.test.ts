import { describe, expect, test } from 'vitest';
import { maxInputTokens } from '../../src/agent/request-size.ts';
import { ToolReply } from '../../src/agent/tool-reply.ts';
import { fitResults, RESULT_BYTES, resultOf } from '../../src/agent/tool-result.ts';
import { byteLength } from '../../src/base/text.ts';
import type { ToolImage } from '../../src/contract/tool-image.ts';
import { anImage } from '../helpers/images.ts';

const textOf = (text: string) => resultOf('c', new ToolReply({ text })).text;

describe('a text over 64 KiB', () => {
  test.each([
    ['one byte a character', 'x'.repeat(65_537), 65_537],
    ['three bytes a character', '€'.repeat(30_000), 90_000],
    ['four bytes a character', '🙂'.repeat(20_000), 80_000],
  ])('is cut between characters, with a note: %s', (_, text, bytes) => {
    const cut = textOf(text);
    const note = `\n[truncated; the full result has ${bytes} bytes]`;
    expect(cut.endsWith(note)).toBe(true);
    const kept = cut.slice(0, -note.length);
    expect(text.startsWith(kept)).toBe(true);
    expect(byteLength(cut)).toBeLessThanOrEqual(RESULT_BYTES);
    expect(byteLength(cut)).toBeGreaterThan(RESULT_BYTES - 4);
  });

  test('is measured in bytes: 64 KiB of any character stay whole', () => {
    for (const text of ['x'.repeat(65_536), 'é'.repeat(32_768), '🙂'.repeat(16_384)]) expect(textOf(text)).toBe(text);
  });
});

describe('an image', () => {
  const refused = (images: unknown) => () => resultOf('c', new ToolReply({ images: images as ToolImage[] }));

  test.each(['image/png', 'image/jpeg', 'image/gif', 'image/webp'] as const)('of the type %s is kept', (type) => {
    const image = anImage(type);
    expect(resultOf('c', new ToolReply({ text: 'seen', images: [image] }))).toEqual({
      call_id: 'c',
      text: 'seen',
      is_error: false,
      images: [image],
    });
  });

  test.each<[string, unknown, string]>([
    ['a type', [{ type: 'image/bmp', data: 'Qk0=' }], 'images[0]: expected the type image/png, image/jpeg,'],
    ['no object', [anImage('image/png'), null], 'images[1]: expected the type'],
    ['bytes of another type', [{ type: 'image/png', data: anImage('image/gif').data }], 'its first bytes are of'],
    ['an address', [{ type: 'image/png', data: 'https://host/a.png' }], 'expected data in base64'],
    ['no padding', [{ type: 'image/png', data: `${anImage('image/png').data}A` }], 'expected data in base64'],
    ['no data', [{ type: 'image/png', data: '' }], 'expected data in base64'],
    ['its size', [anImage('image/png', 400 * 1024)], 'expected at most 524288 characters of base64'],
    ['their number', Array(17).fill(anImage('image/png')), 'expected at most 16 images, got 17'],
    ['no list', 'image', 'expected images as an array'],
  ])('is refused for %s', (_, images, problem) => {
    expect(refused(images)).toThrow(problem);
  });

  test('that has no room beside the others of a turn is left out with a note', () => {
    const [a, b] = [anImage('image/png', 300 * 1024), anImage('image/png', 300 * 1024)];
    const [first, second] = fitResults([a, b].map((image) => resultOf('c', new ToolReply({ images: [image] }))));
    expect(first?.images).toEqual([a]);
    expect(second).not.toHaveProperty('images');
    expect(second?.text).toContain('[1 image left out: the results of one turn hold at most 16 images and');
    const small = resultOf('c', new ToolReply({ images: Array(10).fill(anImage('image/png')) }));
    expect(fitResults([small, small]).map(({ images }) => images?.length)).toEqual([10, 6]);
    expect(fitResults([small])).toEqual([small]);
  });

  test('counts in the size of a request by its maximum of tokens, not by its bytes', () => {
    const sizeOf = (result: object) =>
      maxInputTokens({ system: '', tools: [], transcript: [{ role: 'tools', results: [result as never] }] });
    const text = { call_id: 'c', text: 'seen', is_error: false };
    const large = anImage('image/png', 300 * 1024);
    expect(sizeOf({ ...text, images: [large] }) - sizeOf(text)).toBe(16_384);
  });
});
