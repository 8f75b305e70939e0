import fc from 'fast-check';

/**
 * A password with every character that has a meaning in a URL. Each run of four characters has one that ids and
 * messages do not have beside the others, so that a piece of it is found in any output.
 */
export const PASSWORD = 'Q!7~/Z*j@(%V)#9!K?~:X*4';

const ENCODED = encodeURIComponent(PASSWORD);
const PIECE = 4;

/** Where the generated addresses lead: a Redis with {@link PASSWORD}, and a port without a server. */
export type Ports = { served: number; closed: number };

/** Generates addresses of Redis: good ones, and ones that are wrong in each of their parts. */
export function redisUrls({ served, closed }: Ports): fc.Arbitrary<string> {
  const mostly = (good: string[], bad: string[]) =>
    fc.oneof({ weight: 5, arbitrary: fc.constantFrom(...good) }, { weight: 1, arbitrary: fc.constantFrom(...bad) });
  const raw = [...'/@#?%'].map((character) => `:${ENCODED}${character}!7~Z@`);
  const scheme = mostly(
    ['redis://', 'redis://', 'REDIS://'],
    ['rediss://', 'redis:', 'redis+unix://', 'redis+sentinel://', 'rediss+sentinel://', 'http://', 'valkey://', ''],
  );
  const login = mostly(
    [`:${ENCODED}@`, `default:${ENCODED}@`],
    [
      '',
      ':@',
      `${ENCODED}@`,
      `app:${ENCODED}@`,
      `:${ENCODED}%FF@`,
      `:${ENCODED} @`,
      `:${PASSWORD}@`,
      `:${ENCODED}`,
      ...raw,
    ],
  );
  const host = mostly(
    ['127.0.0.1', 'localhost'],
    ['', '[::1]', '::1', '[zz]', 'nowhere.invalid', 'a..b', 'a,b', 'ho st', '/run/none.sock', `${ENCODED}`],
  );
  const port = mostly([`:${served}`], ['', ':', ':0', ':65536', ':x', `:${ENCODED}`, `:${closed}`, `:${closed}`]);
  const path = mostly(
    ['', '/', '/0', '/1'],
    ['/abc', '/01', '/-1', '/99', '/0/1', '/%30', '/4294967296', `/${ENCODED}`],
  );
  const query = mostly(
    ['', ''],
    ['?', '?keyPrefix=x', '?db=1', `?password=${ENCODED}`, `?${ENCODED}=1`, '?family=6&tls=true'],
  );
  const end = mostly(['', ''], ['#', `#${ENCODED}`, ' ', '\n', '\u0000', '\ud800']);
  return fc.tuple(scheme, login, host, port, path, query, end).map((parts) => parts.join(''));
}

/** The pieces of {@link PASSWORD} that are in the text, plain or percent-encoded. */
export function piecesIn(text: string): string[] {
  const pieces = [ENCODED.slice(0, 8)];
  for (let at = 0; at + PIECE <= PASSWORD.length; at++) pieces.push(PASSWORD.slice(at, at + PIECE));
  return pieces.filter((piece) => text.includes(piece));
}
