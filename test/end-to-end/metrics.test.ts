import { expect, test } from 'vitest';
import { aDeployment } from '../helpers/deployment.ts';
import { requestsIn } from '../helpers/requests.ts';

/** The samples of a scrape, but for the buckets and sums of durations. */
async function samplesOf(url: string): Promise<string[]> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return text.split('\n').filter((line) => line.startsWith('errand_') && !/_(bucket|sum)\{/.test(line));
}

test('the metrics of a worker say what its batch came to', async () => {
  // A try that comes back within milliseconds may meet the run before it, which then counts as a lost lock.
  const { producer, startWorker, settings } = await aDeployment({ settings: { tasks: { backoff_ms: 1_000 } } });
  const { local } = settings.providers as Record<string, object>;
  Object.assign(local ?? {}, { prices: { 'local-1': { input: 1_000_000, output: 2_000_000 } } });
  const worker = await startWorker();
  const said = 'text="a" tokens=3 input_tokens=5 cached_input_tokens=2';
  const { batch_id: batchId } = await producer.enqueue({
    tasks: [
      { goal: `[[sim: tool=list_files args={}]] [[sim: ${said}]]`, provider: 'local', toolsets: ['workspace'] },
      { goal: `[[sim: status=500 times=1]] [[sim: ${said}]]`, provider: 'local' },
      { goal: '[[sim: status=401]]', provider: 'local' },
      { goal: `[[sim: ${said}]]`, provider: 'openai' },
    ],
  });
  await producer.settled(batchId);
  // The batch may settle a moment before its last attempt is counted.
  await expect
    .poll(async () => (await samplesOf(worker.health.url)).sort())
    .toEqual(
      [
        'errand_attempts_started_total{provider="local"} 4',
        'errand_attempts_started_total{provider="openai"} 1',
        'errand_attempts_ended_total{provider="local",ended="failed",code="PROVIDER_FAILED"} 1',
        'errand_attempts_ended_total{provider="local",ended="failed",code="CREDENTIAL_REJECTED"} 1',
        'errand_attempts_ended_total{provider="local",ended="succeeded",code=""} 2',
        'errand_attempts_ended_total{provider="openai",ended="succeeded",code=""} 1',
        'errand_attempt_duration_seconds_count{provider="local",ended="failed"} 2',
        'errand_attempt_duration_seconds_count{provider="local",ended="succeeded"} 2',
        'errand_attempt_duration_seconds_count{provider="openai",ended="succeeded"} 1',
        'errand_attempts_running 0',
        'errand_tasks_ended_total{provider="local",status="failed",code="CREDENTIAL_REJECTED"} 1',
        'errand_tasks_ended_total{provider="local",status="succeeded",code=""} 2',
        'errand_tasks_ended_total{provider="openai",status="succeeded",code=""} 1',
        'errand_turns_total{provider="local",model="local-1"} 3',
        'errand_turns_total{provider="openai",model="gpt-5.6-sol"} 1',
        'errand_tokens_total{provider="local",model="local-1",kind="input"} 15',
        'errand_tokens_total{provider="local",model="local-1",kind="output"} 9',
        'errand_tokens_total{provider="openai",model="gpt-5.6-sol",kind="input"} 5',
        'errand_tokens_total{provider="openai",model="gpt-5.6-sol",kind="output"} 3',
        'errand_cached_input_tokens_total{provider="local",model="local-1"} 6',
        'errand_cached_input_tokens_total{provider="openai",model="gpt-5.6-sol"} 2',
        'errand_cost_usd_total{provider="local",model="local-1"} 33',
        'errand_calls_of_unknown_cost_total{provider="openai",model="gpt-5.6-sol"} 1',
        'errand_unpriced_turns_total{provider="openai",model="gpt-5.6-sol"} 1',
        'errand_cleanup_steps_total{kind="client",status="released",evidence="verified",actor="owner"} 5',
        'errand_cleanup_steps_total{kind="credential_lease",status="released",evidence="verified",actor="owner"} 5',
        'errand_cleanup_steps_total{kind="workspace",status="released",evidence="verified",actor="owner"} 1',
        ...['acme', 'anthropic', 'local', 'openai'].flatMap((provider) =>
          ['active', 'delayed', 'waiting'].map(
            (state) => `errand_lane_jobs{provider="${provider}",state="${state}"} 0`,
          ),
        ),
        'errand_ledger_open_rows 0',
        'errand_lock_losses_total 0',
        'errand_mcp_waiting 0',
        'errand_stale_writes_refused_total 0',
        'errand_batches_settled_total 1',
      ].sort(),
    );
});

test('the metrics say what waits, comes back later and runs in each lane', async () => {
  const { producer, simulator, startWorker } = await aDeployment();
  const inCall = requestsIn(simulator, 'received', 2);
  const worker = await startWorker({ concurrency: 1 });
  const deferred = { goal: '[[sim: status=429 retry_after=600]]', provider: 'openai' };
  const running = { goal: '[[sim: hang=stream after=1]]', provider: 'local' };
  const { batch_id: batchId } = await producer.enqueue({ tasks: [deferred, running, running, running] });
  await inCall;
  const lanes = async () => (await samplesOf(worker.health.url)).filter((line) => / [1-9]/.test(line));
  await expect.poll(lanes).toContain('errand_lane_jobs{provider="openai",state="delayed"} 1');
  expect(await lanes()).toContain('errand_lane_jobs{provider="local",state="active"} 1');
  expect(await lanes()).toContain('errand_lane_jobs{provider="local",state="waiting"} 2');
  await producer.cancel(batchId, 'seen');
  await producer.settled(batchId);
  const drained = worker.drain();
  expect((await fetch(`${worker.health.url}/metrics`)).status).toBe(200);
  await drained;
});

test('300 models that a tenant chose count as one, and no name of theirs is a label', async () => {
  const { producer, startWorker, settings } = await aDeployment({
    settings: { model_aliases: { fast: { provider: 'local', model: 'local-fast' } } },
  });
  const { local } = settings.providers as Record<string, object>;
  Object.assign(local ?? {}, { efforts: { 'local-deep': ['high'], 'tenant-*': ['low'] } });
  const worker = await startWorker();
  let ran = 0;
  const run = async (models: string[]) => {
    const tasks = models.map((model) => ({ goal: '[[sim: text="a"]]', provider: 'local', model }));
    const { batch_id: batchId } = await producer.enqueue({ tasks });
    await producer.settled(batchId);
    ran += models.length;
    // The batch may settle a moment before its last attempt is counted.
    const counted = [
      `errand_attempts_ended_total{provider="local",ended="succeeded",code=""} ${ran}`,
      `errand_tasks_ended_total{provider="local",status="succeeded",code=""} ${ran}`,
    ];
    await expect.poll(() => samplesOf(worker.health.url)).toEqual(expect.arrayContaining(counted));
    return samplesOf(worker.health.url);
  };
  const few = await run(['local-1', 'local-fast', 'local-deep', 'tenant-0']);
  const hostile = [
    '__proto__',
    'constructor',
    'quote"quote',
    'line\nline',
    'back\\slash',
    'esc\u001b[31m',
    'z'.repeat(200),
  ];
  const many = await run([...Array(300).keys()].map((n) => `tenant-${n}`).concat(hostile));
  expect(many).toContain(`errand_turns_total{provider="local",model="other"} ${ran - 3}`);
  const names = (samples: string[]) => samples.map((line) => line.replace(/ \S+$/, '')).toSorted();
  expect(names(many)).toEqual(names(few));
  expect(names(few).filter((name) => name.startsWith('errand_turns_total'))).toEqual(
    ['local-1', 'local-deep', 'local-fast', 'other'].map((m) => `errand_turns_total{provider="local",model="${m}"}`),
  );
});

test('a draining worker leaves out the jobs of lanes that it no longer reads', async () => {
  const { producer, simulator, startWorker } = await aDeployment();
  const inCall = requestsIn(simulator, 'received', 1);
  const worker = await startWorker({ drain_grace_ms: 60_000 });
  const { batch_id: batchId } = await producer.enqueue({
    tasks: [{ goal: '[[sim: hang=stream after=1]]', provider: 'local' }],
  });
  await inCall;
  const lanes = async () => (await samplesOf(worker.health.url)).filter((line) => line.startsWith('errand_lane_jobs'));
  expect(await lanes()).toContain('errand_lane_jobs{provider="local",state="active"} 1');
  const drained = worker.drain();
  await expect.poll(lanes).toEqual([]);
  await producer.cancel(batchId, 'seen');
  await drained;
});
