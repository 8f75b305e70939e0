import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { taskIdOf } from '../../src/base/ids.ts';
import { lineOf } from '../../src/queue/verdict.ts';
import { BROWSER_FLAGS, findBrowser } from '../helpers/browser.ts';
import { aDeployment } from '../helpers/deployment.ts';

const executablePath = await findBrowser();
if (executablePath === null) console.warn('Skipped: no Chromium on PATH, and none could be installed.');

let browser: Browser;

beforeAll(async () => {
  if (executablePath === null) return;
  browser = await chromium.launch({ executablePath, args: BROWSER_FLAGS });
});
afterAll(() => browser?.close());

/** Opens a page and gathers what it asks of other hosts, and what breaks in it. */
async function openPage(ownUrl: string): Promise<{ page: Page; foreign: string[]; broken: string[] }> {
  const page = await browser.newPage();
  const foreign: string[] = [];
  const broken: string[] = [];
  page.on('requestfinished', (request) => {
    if (!request.url().startsWith(ownUrl)) foreign.push(request.url());
  });
  page.on('requestfailed', (request) => {
    const isOwn = request.url().startsWith(ownUrl);
    if (!isOwn && request.failure()?.errorText !== 'csp') foreign.push(request.url());
  });
  page.on('pageerror', (error) => broken.push(error.message));
  page.on(
    'console',
    (message) => message.type() === 'error' && broken.push(`${message.text()} ${message.location().url}`),
  );
  return { page, foreign, broken };
}

/** Runs a batch of which one task succeeds, one has no credential, and one fails at its second try holding something. */
async function aBatchThatRan() {
  const { producer, startWorker, startBoard, outcomesOf } = await aDeployment();
  await startWorker();
  const { batch_id: batchId } = await producer.enqueue({
    name: 'Release notes',
    admission: 'task',
    tasks: [
      { goal: 'Summarise part 0.', provider: 'openai' },
      { goal: 'Summarise part 1.', provider: 'acme' },
      { goal: 'Summarise part 2. [[sim: status=500 times=1]] [[sim: status=401]]', provider: 'local' },
    ],
  });
  await producer.settled(batchId);
  const outcomes = await outcomesOf(batchId);
  const lines = outcomes.map((outcome) => (outcome.status === 'succeeded' ? '' : lineOf(outcome)));
  return { batchId, lines, board: await startBoard() };
}

test.skipIf(executablePath === null)(
  'leads from the batch to its failed tasks, codes, cleanup and attempts',
  async () => {
    const { batchId, lines, board } = await aBatchThatRan();
    const { page, foreign, broken } = await openPage(board.url);

    await page.goto(board.url);
    await page.getByRole('link', { name: 'tasks-acme' }).first().waitFor();
    await page.goto(`${board.url}/find`);
    await page.getByLabel('Batch or task id').fill(batchId);
    await page.getByRole('button', { name: 'Find' }).click();
    await page.getByRole('heading', { name: /^Release notes · 1 ok, 2 failed · / }).waitFor();

    await page.getByRole('link', { name: 'tasks-acme' }).first().click();
    const unheld = page.getByRole('heading', { name: 'Release notes #1 · acme/acme-1 — CREDENTIAL_MISSING' });
    expect(await unheld.innerText()).toContain(lines[1]);
    expect(lines[1]).toMatch(/^CREDENTIAL_MISSING: .*ACME_API_KEY is not set.* \| cleaned up: nothing was held$/);

    await page.getByRole('link', { name: 'tasks-local' }).first().click();
    const held = page.getByRole('heading', { name: 'Release notes #2 · local/local-1 — CREDENTIAL_REJECTED' });
    await held.waitFor();
    await page.getByRole('link', { name: taskIdOf(batchId, 2) }).click();
    await page.waitForURL(`**/queue/tasks-local/${taskIdOf(batchId, 2)}*`);
    expect(await held.innerText()).toContain(lines[2]);
    expect(lines[2]).toMatch(/^CREDENTIAL_REJECTED: .* \| cleaned up: 4 released \(client, credential_lease, /);
    await page.getByRole('tab', { name: 'Error' }).click();
    await page.getByText('UnrecoverableError: CREDENTIAL_REJECTED').first().waitFor();
    await page.getByRole('tab', { name: 'Logs' }).click();
    await page.getByText('to be retried: PROVIDER_FAILED').first().waitFor();
    await page.getByText('failed: CREDENTIAL_REJECTED').first().waitFor();

    expect(await page.getByRole('button', { name: /retry|clean|promote|delete/i }).count()).toBe(0);
    expect(broken).toEqual([]);
    expect(foreign).toEqual([]);
    await page.close();
  },
);
