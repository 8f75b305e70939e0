import { type Browser, chromium } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Board, startBoard } from '../../dashboards/board.ts';
import { Redactor } from '../../src/base/secret.ts';
import { BROWSER_FLAGS, findBrowser } from '../helpers/browser.ts';
import { freshPrefix, redisUrl } from '../helpers/redis.ts';
import { addSampleBatch, FAILED_REASON, type SampleBatch } from './sample-batch.ts';

const executablePath = await findBrowser();
if (executablePath === null) console.warn('Skipped: no Chromium on PATH, and none could be installed.');

let board: Board;
let browser: Browser;
let sample: SampleBatch;

beforeAll(async () => {
  if (executablePath === null) return;
  const url = redisUrl();
  const prefix = freshPrefix();
  sample = await addSampleBatch(url, prefix);
  const providers = ['openai', 'acme', 'slow'];
  board = await startBoard({ redisUrl: url, prefix, providers, port: 0, redactor: new Redactor() });
  browser = await chromium.launch({ executablePath, args: BROWSER_FLAGS });
});
afterAll(async () => {
  await browser?.close();
  await board?.close();
});

test.skipIf(executablePath === null)(
  'leads a person from the batch to the failed task, its code and its cleanup',
  async () => {
    const page = await browser.newPage();
    const foreign: string[] = [];
    const broken: string[] = [];
    page.on('requestfinished', (request) => {
      if (!request.url().startsWith(board.url)) foreign.push(request.url());
    });
    page.on('requestfailed', (request) => {
      const isOwn = request.url().startsWith(board.url);
      if (!isOwn && request.failure()?.errorText !== 'csp') foreign.push(request.url());
    });
    page.on('pageerror', (error) => broken.push(error.message));

    await page.goto(board.url);
    await page.getByRole('link', { name: 'tasks-acme' }).first().waitFor();
    await page.goto(`${board.url}/find`);
    await page.getByLabel('Batch or task id').fill(sample.batchId);
    await page.getByRole('button', { name: 'Find' }).click();
    await page.getByText('Release notes · 3 tasks').first().waitFor();

    await page.getByRole('link', { name: 'tasks-acme' }).first().click();
    const title = page.getByRole('heading', { name: 'Release notes #1 · acme/claude-opus-4 · high' });
    expect(await title.innerText()).toContain(FAILED_REASON);
    await page.getByRole('link', { name: sample.taskIds[1] }).click();
    await page.waitForURL(`**/queue/tasks-acme/${sample.taskIds[1]}*`);
    expect(await title.innerText()).toMatch(/CREDENTIAL_MISSING: .* \| cleaned up: 2 of 2 released/);
    await page.getByRole('tab', { name: 'Error' }).click();
    await page.getByText('UnrecoverableError: CREDENTIAL_MISSING').first().waitFor();

    expect(await page.getByRole('button', { name: /retry|clean|promote|delete/i }).count()).toBe(0);
    expect(broken).toEqual([]);
    expect(foreign).toEqual([]);
    await page.close();
  },
);
