import { expect, test } from 'vitest';
import { loadConfig } from '../../../src/app/config.ts';

test('a wrong pattern or subnet stops the start, named by its index', () => {
  const http = { allow: ['https://a.example', 'http://0x7f.1'], private_addresses: ['10.0.0.0/8', '10.0.0.1/8'] };
  expect(() => loadConfig({}, { http })).toThrow(
    expect.objectContaining({
      code: 'CONFIG_INVALID',
      problems: [
        { path: 'http.allow.1', message: 'expected the host as 127.0.0.1, got 0x7f.1' },
        { path: 'http.private_addresses.1', message: 'expected the first address of the subnet: 10.0.0.0/8' },
      ],
    }),
  );
});
