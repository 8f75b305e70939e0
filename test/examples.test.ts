import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { needBubblewrap } from './helpers/bubblewrap.ts';
import { freshPrefix, keysOf, redisUrl } from './helpers/redis.ts';

const examples = join(import.meta.dirname, '..', 'examples');
const execute = promisify(execFile);

const PRINTED: Record<string, string> = {
  '01-one-task.ts': `1 of 1 succeeded
Simulated answer to: Name the first prime above 100.
`,
  '02-mixed-routes.ts': `Simulated answer to: Summarise RFC 9110.
Simulated answer to: Review RFC 9110.
task 0 ran on openai/gpt-5.6-sol over responses at effort low
task 1 ran on anthropic/claude-opus-5-5 over messages at effort high
`,
  '03-files.ts': `The haiku is in haiku.txt. (3 turns, 2 tool calls)
haiku.txt, 25 bytes: First in, and first out.
client released: no request is in flight
credential_lease released: the ledger row was the lease
workspace released: the directory is gone
`,
  '04-a-failure-and-its-cleanup.ts': `the batch settled with 1 failed
CREDENTIAL_REJECTED: Set providers.openai.credential to env:NAME or file:/path, with a key that every worker has.
left behind as partial answer: draft.md
client: released, verified by owner
credential_lease: released, verified by owner
workspace: released, verified by owner
still open: 0
`,
  '05-idempotent-enqueue.ts': `first: is_new true; second: is_new false
one batch
IDEMPOTENCY_CONFLICT
1 model call
`,
  '06-cancel.ts': `cancelled
2 of 2 cancelled
task 0: 1 attempts, 2 resources given back
task 1: 0 attempts, 0 resources given back
how the provider saw the model call end: client_closed
`,
  '07-listen-first.ts': `attempt_started of task 0
turn_recorded of task 0
task_ended of task 0
batch_settled
added: 1
`,
  '08-own-tool.ts': `Order 7 was shipped on Monday. (2 tool calls)
the model read both results: true
`,
  '09-mcp-server.ts': `On Monday. (1 tool call)
the server: released, verified
the model read the result: true
`,
  '10-commands.ts': `The names are in sorted.txt. (2 tool calls)
names.txt: Tove, Ada, Lin
sorted.txt: Ada, Lin, Tove
released: client, credential_lease, process, workspace - open: 0
`,
};

vi.setConfig({ maxConcurrency: 2 });
beforeAll(needBubblewrap);

describe('the examples', { concurrent: true }, () => {
  test('are all compared', () => {
    const numbered = readdirSync(examples).filter((file) => /^\d/.test(file));
    expect(numbered.sort()).toEqual(Object.keys(PRINTED));
  });

  test.for(Object.entries(PRINTED))('%s prints its outcome and leaves no open row', async ([file, printed]) => {
    const prefix = freshPrefix();
    const env = { PATH: process.env.PATH, REDIS_URL: redisUrl(), ERRAND_PREFIX: prefix };
    const { stdout, stderr } = await execute(process.execPath, [join(examples, file)], { env, timeout: 20_000 });
    expect(stdout).toBe(printed);
    expect(stderr).toBe('');
    expect((await keysOf(prefix)).filter((key) => key.includes(':open_rows'))).toEqual([]);
  });
});
