import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { aDeployment } from '../helpers/deployment.ts';

const MIB = 1024 * 1024;
const WINDOW = 8_192;

/** A provider of the chat wire that sends 512 MB to a client that reads, or refuses 32,000 output tokens. */
async function aProvider(): Promise<{ url: string; sent: { bytes: number } }> {
  const sent = { bytes: 0 };
  const piece = (content: string, usage?: object) =>
    `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content } }], usage })}\n\n`;
  const server = createServer(async (req, res) => {
    const body = Buffer.concat(await Array.fromAsync(req)).toString();
    const { max_completion_tokens: asked } = JSON.parse(body) as { max_completion_tokens: number };
    if (body.includes('window') && asked > WINDOW) {
      const message = `max_tokens is too large: ${asked}. This model supports at most ${WINDOW} completion tokens.`;
      res.writeHead(400, { 'content-type': 'application/json' }).end(JSON.stringify({ error: { message } }));
      return;
    }
    res.writeHead(200, { 'content-type': 'text/event-stream' });
    if (body.includes('window')) {
      res.end(
        `${piece('within it')}data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n`,
      );
      return;
    }
    res.write(piece('the first part ', { prompt_tokens: 11, completion_tokens: 7, total_tokens: 18 }));
    const large = piece('x'.repeat(65_536));
    const more = () => {
      if (res.destroyed || sent.bytes > 512 * MIB) return;
      sent.bytes += large.length;
      res.write(large, more);
    };
    more();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, sent };
}

async function withProvider() {
  const { url, sent } = await aProvider();
  const providers = { giant: { wire: 'chat', base_url: url, credential: 'none', default_model: 'm' } };
  const deployment = await aDeployment({ settings: { providers } });
  await deployment.startWorker();
  return { ...deployment, sent };
}

test('an answer of 512 MB ends its task at once and keeps usage and the first text', async () => {
  const { producer, outcomesOf, sent } = await withProvider();
  const { batch_id } = await producer.enqueue({ goal: 'Say much.', provider: 'giant' });
  const { counts } = await producer.settled(batch_id);
  expect(counts.failed).toBe(1);
  const [outcome] = await outcomesOf(batch_id);
  expect(outcome).toMatchObject({
    status: 'failed',
    failure: { code: 'PROVIDER_REPLY_TOO_LARGE' },
    partial: { text: expect.stringMatching(/^the first part x{1000}/) },
    notes: [expect.stringMatching(/^the reply was too large: 65536 of \d+ characters were kept$/)],
    usage: { input_tokens: 11, output_tokens: 7 },
    attempts: [{ epoch: 1 }],
  });
  expect(JSON.stringify(outcome).length).toBeLessThan(0.1 * MIB);
  expect(sent.bytes).toBeLessThan(40 * MIB);
});

test('a call that is repeated within the limit of its provider says so in the outcome', async () => {
  const { producer, outcomesOf } = await withProvider();
  const { batch_id } = await producer.enqueue({ goal: 'Mind the window.', provider: 'giant' });
  await producer.settled(batch_id);
  const [outcome] = await outcomesOf(batch_id);
  expect(outcome).toMatchObject({
    status: 'succeeded',
    answer: { text: 'within it' },
    notes: [
      'provider "giant" refused 32000 output tokens; the call was repeated with 8192. Set providers.giant.max_output_tokens to 8192.',
    ],
  });
});
