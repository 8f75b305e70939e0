import { expect, test } from 'vitest';
import { loadConfig } from '../../src/app/config.ts';

const acme = { wire: 'chat', base_url: 'https://llm.example/v1', credential: 'none' };

test.each<[object, string]>([
  [{ worker: { concurency: 5 } }, 'worker: unknown setting "concurency"; did you mean concurrency? Known: '],
  [{ wroker: {} }, 'configuration: unknown setting "wroker"; did you mean worker? Known: '],
  [
    { tasks: { trys: 1, retention: 2 } },
    'tasks: unknown settings "trys", "retention"; did you mean retention_days? Known: ',
  ],
  [{ delegation: { modle: 'm' } }, 'delegation: unknown setting "modle"; did you mean model? Known: provider, model, '],
  [{ tasks: { retention_days: -1 } }, 'tasks.retention_days: expected a number above 0, got -1'],
  [{ worker: { concurrency: 1.5 } }, 'worker.concurrency: expected a whole number, got 1.5'],
  [{ worker: { concurrency: 0 } }, 'worker.concurrency: expected a number of at least 1, got 0'],
  [{ worker: { concurrency: '5' } }, 'worker.concurrency: expected a whole number, got "5"'],
  [{ worker: { concurrency: null } }, 'worker.concurrency: expected a whole number, got null'],
  [{ worker: { health_port: 65_536 } }, 'worker.health_port: expected a number of at most 65535, got 65536'],
  [{ worker: { only: [] } }, 'worker.only: expected a list of at least 1 item, got 0 items'],
  [{ worker: { only: 'openai' } }, 'worker.only: expected a list, got a string'],
  [{ worker: { seat: '' } }, 'worker.seat: expected 1 to 253 printable characters without a space at either end'],
  [{ worker: [] }, 'worker: expected an object, got a list'],
  [
    { worker: { log_level: 'loud' } },
    'worker.log_level: expected one of trace, debug, info, warn, error, silent, got "loud"',
  ],
  [{ providers: 5 }, 'providers: expected an object, got 5'],
  [
    { providers: { acme: { ...acme, prises: {} } } },
    'providers.acme: unknown setting "prises"; did you mean prices? Known: ',
  ],
  [
    { providers: { acme: { ...acme, prices: { m: { input: 1 } } } } },
    'acme.prices.m.output: is missing; expected a number',
  ],
  [{ providers: { acme: { ...acme, background: 'yes' } } }, 'acme.background: expected true or false, got "yes"'],
])('%j does not fit, and the message says what was expected', (settings, message) => {
  const refusal = { code: 'CONFIG_INVALID', message: expect.stringContaining(message) };
  const load = () => loadConfig({ ERRAND_CONFIG: '/dev/null' }, { ...settings });
  expect(load).toThrow(expect.objectContaining(refusal));
  expect(load).not.toThrow(/Too (small|big)|Unrecognized|Invalid|[<>]=?\d|received/);
});
