import { expect, test } from 'vitest';
import { allowsUrl, readUrlPattern } from '../../src/outbound/url-pattern.ts';

function allows(pattern: string, url: string): boolean {
  const reading = readUrlPattern(pattern);
  if (reading.status === 'refused') return expect.fail(reading.problem);
  return allowsUrl(reading.pattern, new URL(url));
}

test.each([
  [
    'https://api.example.com',
    ['https://api.example.com', 'https://API.example.com:443/a/b?c=d', 'https://api.example.com/a%2fb'],
  ],
  [
    'https://api.example.com/v1/*',
    ['https://api.example.com/v1/', 'https://api.example.com/v1/a/b', 'https://api.example.com/v0/../v1/a'],
  ],
  ['https://api.example.com/v1', ['https://api.example.com/v1', 'https://api.example.com/v1?q=../..']],
  ['https://*.example.com', ['https://a.example.com/', 'https://a.b.example.com/x']],
  ['http://wiki:8080/*', ['http://wiki:8080/any%2f']],
  ['http://[::1]:80/*', ['http://[::1]/', 'http://[0:0::1]:80/x']],
  ['http://10.0.0.1', ['http://10.0.0.1/', 'http://0x0a000001/', 'http://167772161/']],
])('%s allows %j', (pattern, urls) => {
  expect(urls.filter((url) => !allows(pattern, url))).toEqual([]);
});

test.each([
  [
    'https://api.example.com',
    [
      'http://api.example.com',
      'https://api.example.com:444',
      'https://api.example.com.',
      'https://example.com',
      'https://xapi.example.com',
      'https://api.example.com.evil.example',
      'https://evil.example/?https://api.example.com',
      'https://evil.example#@api.example.com',
    ],
  ],
  [
    'https://api.example.com/v1/*',
    [
      'https://api.example.com/v1',
      'https://api.example.com/v10/a',
      'https://api.example.com/v1/../admin',
      'https://api.example.com/v1/%2e%2e/admin',
      'https://api.example.com/v1/..%2fadmin',
      'https://api.example.com/v1/..%5cadmin',
      'https://api.example.com/v1/%252e%252e/x',
      'https://api.example.com/v1/..;/admin',
      'https://api.example.com/v1\\..\\admin',
    ],
  ],
  ['https://api.example.com/v1', ['https://api.example.com/v1/', 'https://api.example.com/v1/a']],
  ['https://*.example.com', ['https://example.com', 'https://badexample.com', 'https://a.example.com.evil.example']],
  ['http://wiki:8080/*', ['http://wiki/', 'http://wiki.evil.example:8080/', 'ftp://wiki:8080/', 'https://wiki:8080/']],
])('%s does not allow %j', (pattern, urls) => {
  expect(urls.filter((url) => allows(pattern, url))).toEqual([]);
});

test.each([
  ['', 'expected an address'],
  ['api.example.com', 'expected an address'],
  ['*', 'expected an address'],
  ['https://*', 'expected an address'],
  ['https://*/', 'expected an address'],
  ['*://a.example', 'expected an address'],
  ['ftp://a.example', 'expected an address'],
  ['https://user:pass@a.example', 'expected an address'],
  ['https://a.example/x?y', 'expected an address'],
  ['https://a.example/#x', 'expected an address'],
  ['https://a.*.example', 'expected an address'],
  ['https://a.example:99999', 'expected an address'],
  ['https://a.example.', 'without a dot'],
  ['https://*.10.0.0.1', 'got an IP address'],
  ['http://2130706433/', 'expected the host as 127.0.0.1, got 2130706433'],
  ['http://0x7f.1/', 'expected the host as 127.0.0.1'],
  ['https://A.example', 'expected the host as a.example'],
  ['https://a.example/v*', 'only as the last part of a path'],
  ['https://a.example/*/x', 'only as the last part of a path'],
  ['https://a.example/a/../b', 'expected the path as /b'],
])('the pattern %j is refused: %s', (text, problem) => {
  expect(readUrlPattern(text)).toEqual({ status: 'refused', problem: expect.stringContaining(problem) });
});
